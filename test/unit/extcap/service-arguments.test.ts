import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { withoutSecrets } from '../../../extcap/argv.ts'
import { chosenTarget, serviceRequest } from '../../../extcap/service-arguments.ts'
import { entryContent } from '../../../src/setup/url-handler.ts'

const capture = (nif: string, values: Record<string, string | boolean>, filter = '') =>
  serviceRequest({ step: 'capture', interface: nif, fifo: 'f', filter, values, unknown: [] })

describe('the value of the container selector', () => {
  test('comes back whatever the name, as remora and as Go escape it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), name => {
        const json = JSON.stringify({ name })
        const escaped = encodeURIComponent(json.toWellFormed())
        for (const value of [escaped, escaped.replaceAll('%20', '+')])
          expect(chosenTarget(value)?.name).toBe(name.toWellFormed())
      }),
    )
  })

  test.each([
    ['a name', 'web', 'web'],
    ['a name with a percent sign', '100%', '100%'],
    ['plain JSON with a plus sign', '{"name":"a+b %41"}', 'a+b %41'],
  ])('%s', (_, value, name) => {
    expect(chosenTarget(value)?.name).toBe(name)
  })

  test('nothing is none, and half a description is refused', () => {
    expect(chosenTarget('')).toBeUndefined()
    for (const value of ['{"name":', encodeURIComponent('{"netns":"x"}')]) {
      expect(() => chosenTarget(value)).toThrow(/invalid container\/target description/)
    }
  })
})

describe('a capture', () => {
  test('of the dialog', () => {
    const values = { dockerhosturl: 'http://:t@server:5001/', container: 'web', nif: 'lo/eth0', noprom: true }
    expect(capture('mobyshark', { ...values, proxyoff: true, insecure: true }, 'tcp')).toMatchObject({
      host: { service: { base: 'http://server:5001', token: 't', insecure: true, direct: true } },
      request: {
        packetflix: { interfaces: ['lo', 'eth0'], filter: 'tcp', promiscuous: false, includeSelf: false },
      },
    })
  })

  test.each(['', 'any', 'all'])('on interface "%s" is on every one', nif => {
    expect(capture('mobyshark', { dockerhosturl: 'server', container: 'web', nif })).toMatchObject({
      request: { packetflix: { interfaces: undefined } },
    })
  })

  test('of a ticket', () => {
    expect(capture('packetflix', { url: 'packetflix:ws://:t@server/edge/v1/capture/abc' })).toMatchObject({
      host: { service: { base: 'http://server/edge', token: 't' } },
      request: { ticket: '/v1/capture/abc' },
    })
  })

  test('takes the token of the dialog before that of the URL', () => {
    const url = 'ws://:of-the-url@server/capture?netns=7'
    expect(capture('packetflix', { url, token: 'said' })).toMatchObject({ host: { service: { token: 'said' } } })
  })
})

describe('the token of the environment', () => {
  const container = '{"name":"web"}'
  beforeEach(() => vi.stubEnv('REMORA_TOKEN', 'of-the-environment'))
  afterEach(() => vi.unstubAllEnvs())

  test('is for the host that was typed, not for the one a link names', () => {
    const typed = capture('mobyshark', { dockerhosturl: 'server', container })
    expect(typed.host.service.token).toBe('of-the-environment')
    for (const url of ['packetflix:ws://evil/capture?netns=7', 'packetflix:wss://evil/v1/capture/abc'])
      expect(capture('packetflix', { url }).host.service.token).toBeUndefined()
  })

  test('nor is a token file that Wireshark has kept, when a link is clicked', () => {
    expect(entryContent).toMatch(/^Exec=wireshark .* -o extcap\.packetflix\.tokenfile: /m)
  })
})

test('a call that is logged tells no token', () => {
  const argv = ['--token', 's3cret', '--token=s3cret', '--url', 'packetflix:ws://u:s3cret@h/capture?a=1&token=s3cret&b']
  argv.push('--dockerhosturl', 'u:s3cret@h:5001', '--url=ws://h/v1/capture/s3cret', '--reference', 'pid:1@2')
  const logged = withoutSecrets(argv).join(' ')
  expect(logged).not.toContain('s3cret')
  expect(logged).toMatch(/@h\/capture\?a=1&token=….*@h:5001.*pid:1@2$/)
})
