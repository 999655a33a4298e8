/** The way to a service: certificates, tokens, proxies and address families, and what is said when it leads nowhere. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, type Result, run, start } from '../helpers/command.ts'
import { type ConnectProxy, startConnectProxy } from '../helpers/connect-proxy.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { type Served, serve } from '../helpers/served.ts'

const folder = scratch()
const file = (name: string) => join(folder, name)
const list = (host: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
  remora(['list', 'host', '--json', '--host', host, ...args], { env })
const good = { status: 0, stderr: '', stdout: expect.stringContaining('"reference": "host"') }

/** A capture of Wireshark's that is not to begin: what it says on standard error. */
async function extcap(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  const fifo = file(`${Math.random()}.fifo`)
  await must('mkfifo', fifo)
  const reader = start(['cat', fifo], { stdio: ['ignore', 'ignore', 'ignore'] })
  const call = [executable, '--capture', '--extcap-interface', 'mobyshark', '--fifo', fifo, '--container', 'nobody']
  const result = await run([...call, ...args], { env: environment(env) })
  await reader.result
  return result
}

/** It got through to the service, which knows no such container. */
const answered = { status: 3, stderr: expect.stringMatching(/^TARGET_NOT_FOUND: /) }

describe('TLS', () => {
  let service: Served
  let port: string
  beforeAll(async () => {
    const openssl = (...args: string[]) => must('openssl', ...args)
    const key = (name: string) => [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      file(name),
    ]
    await openssl('req', '-x509', ...key('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=test authority', '-days', '2')
    await openssl(
      ...['req', '-x509', '-CA', file('ca.pem'), '-CAkey', file('ca.key'), ...key('key.pem'), '-out', file('cert.pem')],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'],
      ...['-addext', 'basicConstraints=critical,CA:false'],
    )
    service = await serve(['--tls-cert', file('cert.pem'), '--tls-key', file('key.pem')], { curl: ['-k'] })
    port = service.address.split(':')[1] ?? ''
  })
  afterAll(() => service?.close())

  test('is verified with the authority that was named, or that the system knows', async () => {
    expect(await list(`https://localhost:${port}`, ['--ca', file('ca.pem')])).toMatchObject(good)
    expect(await list(`wss://localhost:${port}`, ['--ca', file('ca.pem')])).toMatchObject(good)
    expect(await list(`https://localhost:${port}`, [], { SSL_CERT_FILE: file('ca.pem') })).toMatchObject(good)
  })

  test('carries a capture', async () => {
    const args = [
      '--host',
      `https://localhost:${port}`,
      '--ca',
      file('ca.pem'),
      '-a',
      'duration:0.5',
      '-w',
      file('tls'),
    ]
    expect(await remora(['capture', 'host', '-i', 'lo', ...args])).toMatchObject({ status: 0, stderr: '' })
    expect((await run(['capinfos', file('tls')])).status).toBe(0)
  })

  test('without that authority the service is not believed, unless that does not matter', async () => {
    expect(await list(`https://localhost:${port}`)).toMatchObject({
      status: 8,
      stderr: expect.stringMatching(/^remora: PEER_FAILED: .*certificate.*\nhint: .*--ca FILE.*--insecure/),
    })
    expect(await list(`https://localhost:${port}`, ['--insecure'])).toMatchObject(good)
  })

  test('a certificate for another name is refused', async () => {
    expect(await list(`https://127.0.0.1:${port}`, ['--ca', file('ca.pem')])).toMatchObject({
      status: 8,
      stderr: expect.stringMatching(/^remora: PEER_FAILED: .*127\.0\.0\.1.*\nhint: Use a name the certificate is for/),
    })
  })

  test('a file without certificates is refused before anything is sent', async () => {
    writeFileSync(file('none.pem'), 'nothing')
    for (const name of ['none.pem', 'missing.pem']) {
      expect(await list(`https://localhost:${port}`, ['--ca', file(name)])).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^remora: USAGE: .*(?:certificate)/),
      })
    }
  })

  test('plain text to a service with TLS, and the other way round, are told from a service that is not there', async () => {
    expect(await list(`http://localhost:${port}`)).toMatchObject({
      status: 8,
      stderr: expect.stringMatching(/\nhint: .*TLS/),
    })
    const plain = await serve()
    try {
      expect(await list(`https://${plain.address}`)).toMatchObject({
        status: 8,
        stderr: expect.stringMatching(/\nhint: .*TLS.*http:/),
      })
    } finally {
      await plain.close()
    }
  })

  test('Wireshark can be told the same', async () => {
    const url = ['--dockerhosturl', `https://localhost:${port}`]
    expect(await extcap([...url, '--cafile', file('ca.pem')])).toMatchObject(answered)
    expect(await extcap([...url, '--insecure'])).toMatchObject(answered)
    expect(await extcap(url)).toMatchObject({ status: 8, stderr: expect.stringMatching(/^PEER_FAILED: .*certificate/) })
  })
})

describe('a token', () => {
  const token = 'the-right-t0ken-of-all'
  let service: Served
  beforeAll(async () => {
    writeFileSync(file('token'), `${token}\n`, { mode: 0o600 })
    writeFileSync(file('wrong'), 'wr0ng-t0ken-of-them-all')
    writeFileSync(file('empty'), '\n')
    service = await serve(['--token-file', file('token')], { curl: ['-H', `Authorization: Bearer ${token}`] })
  })
  afterAll(() => service?.close())

  test.each<[string, (host: string) => Promise<Result>]>([
    ['file', host => list(host, ['--token-file', file('token')])],
    ['REMORA_TOKEN', host => list(host, [], { REMORA_TOKEN: token })],
    ['REMORA_TOKEN_FILE', host => list(host, [], { REMORA_TOKEN_FILE: file('token') })],
    ['URL', host => list(`http://:${token}@${host}`)],
    ['URL, alone', host => list(`http://${token}@${host}`)],
    ['URL, as the password of any name', host => list(`http://any:${token}@${host}`)],
    ['query of the URL', host => list(`http://${host}/?token=${token}`)],
    ['file, whatever the environment says', host => list(host, ['--token-file', file('token')], { REMORA_TOKEN: 'x' })],
  ])('of a %s is sent', async (_, ask) => {
    expect(await ask(service.address)).toMatchObject(good)
  })

  test.each<[string, number, RegExp, (host: string) => Promise<Result>]>([
    ['none', 4, /^remora: UNAUTHORIZED: /, host => list(host)],
    ['a wrong one', 4, /^remora: UNAUTHORIZED: /, host => list(host, ['--token-file', file('wrong')])],
    [
      'an empty file',
      2,
      /^remora: USAGE: the token file .* is empty/,
      host => list(host, ['--token-file', file('empty')]),
    ],
    ['no file', 2, /^remora: USAGE: cannot read the token/, host => list(host, ['--token-file', file('missing')])],
    ['two lines', 2, /^remora: USAGE: the token has char/, host => list(host, [], { REMORA_TOKEN: 'wr0ng\nt0ken' })],
  ])('%s is told', async (_, exit, message, ask) => {
    const { status, stderr } = await ask(service.address)
    expect([status, stderr]).toEqual([exit, expect.stringMatching(message)])
    expect(stderr).not.toContain('wr0ng')
  })

  test('Wireshark can be told the same, and no log has it', async () => {
    const log = { REMORA_LOG_FILE: file('log'), REMORA_LOG_LEVEL: 'debug' }
    const url = ['--dockerhosturl', `http://${service.address}`]
    expect(await extcap([...url, '--token', token], log)).toMatchObject(answered)
    expect(await extcap([...url, `--token=${token}`], log)).toMatchObject(answered)
    expect(await extcap([...url, '--tokenfile', file('token')], log)).toMatchObject(answered)
    expect(await extcap(['--dockerhosturl', `http://:${token}@${service.address}`], log)).toMatchObject(answered)
    expect(await extcap(url, log)).toMatchObject({ status: 4, stderr: expect.stringMatching(/^UNAUTHORIZED: /) })
    const out = ['-i', 'lo', '-a', 'duration:0.3', '-w', file('logged')]
    const captured = await remora(['capture', 'host', '--host', `http://:${token}@${service.address}`, ...out], {
      env: log,
    })
    expect(captured).toMatchObject({ status: 0, stderr: '' })
    const text = readFileSync(file('log'), 'utf8')
    expect(text).toContain('connected to')
    expect(text).toContain('--dockerhosturl')
    expect(text).not.toContain(token)
  })
})

describe('a proxy', () => {
  const address = '192.0.2.77'
  let service: Served
  let proxy: ConnectProxy
  let strict: ConnectProxy
  let host: string
  beforeAll(async () => {
    // An address of documentation (RFC 5737), which is only here, and not loopback as remora sees it.
    await run(['ip', 'address', 'add', `${address}/32`, 'dev', 'lo'])
    writeFileSync(file('proxied'), 'a-token-behind-a-proxy', { mode: 0o600 })
    service = await serve(['--listen', `${address}:0`, '--token-file', file('proxied')])
    proxy = await startConnectProxy()
    strict = await startConnectProxy({ user: 'me', password: 'p%w' })
    host = service.address
  })
  afterAll(async () => {
    await proxy?.close()
    await strict?.close()
    await service?.close()
    await run(['ip', 'address', 'del', `${address}/32`, 'dev', 'lo'])
  })

  const through = (env: NodeJS.ProcessEnv) => list(host, ['--token-file', file('proxied')], env)

  test.each<[string, () => NodeJS.ProcessEnv, boolean]>([
    ['HTTP_PROXY', () => ({ HTTP_PROXY: proxy.url }), true],
    ['http_proxy without a scheme', () => ({ http_proxy: proxy.url.replace('http://', '') }), true],
    ['ALL_PROXY', () => ({ ALL_PROXY: proxy.url }), true],
    ['none', () => ({}), false],
    ['HTTPS_PROXY, which is for others', () => ({ HTTPS_PROXY: proxy.url }), false],
    ['NO_PROXY', () => ({ HTTP_PROXY: proxy.url, NO_PROXY: address }), false],
    ['a range in no_proxy', () => ({ HTTP_PROXY: proxy.url, no_proxy: 'localhost,192.0.2.0/24' }), false],
  ])('%s', async (_, env, isAsked) => {
    const before = proxy.hosts.length
    expect(await through(env())).toMatchObject(good)
    expect(proxy.hosts.slice(before)).toEqual(isAsked ? [host] : [])
  })

  test('carries a capture', async () => {
    const before = proxy.hosts.length
    const args = ['--host', host, '--token-file', file('proxied'), '-a', 'duration:0.3', '-w', file('tunnel')]
    const env = { HTTP_PROXY: proxy.url }
    expect(await remora(['capture', 'host', '-i', 'lo', ...args], { env })).toMatchObject({ status: 0, stderr: '' })
    expect(proxy.hosts.slice(before)).toEqual([host, host])
  })

  test('for TLS is the one of HTTPS_PROXY, without TLS to itself unless that is said', async () => {
    const before = proxy.hosts.length
    const args = ['--token-file', file('proxied')]
    const env = { HTTPS_PROXY: proxy.url.replace('http://', '') }
    expect(await list(`https://${host}`, args, env)).toMatchObject({ stderr: expect.stringMatching(/speak TLS/) })
    expect(proxy.hosts.slice(before)).toEqual([host])
  })

  test('is never asked for this machine itself', async () => {
    const own = await serve()
    try {
      const env = { HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url }
      const before = proxy.hosts.length
      for (const name of ['127.0.0.1', 'localhost']) {
        expect(await list(own.address.replace('127.0.0.1', name), [], env)).toMatchObject(good)
      }
      expect(proxy.hosts.slice(before)).toEqual([])
    } finally {
      await own.close()
    }
  })

  test('that wants a password gets the one of its URL', async () => {
    expect(await through({ HTTP_PROXY: strict.url.replace('//', '//me:p%25w@') })).toMatchObject(good)
  })

  test.each<[string, () => NodeJS.ProcessEnv, number, RegExp]>([
    [
      'refuses',
      () => ({ HTTP_PROXY: strict.url.replace('//', '//me:wr0ng@') }),
      8,
      /^remora: PEER_FAILED: the proxy 127\.0\.0\.1:\d+ does not connect: it asks for a name/,
    ],
    [
      'is dead',
      () => ({ HTTP_PROXY: 'http://me:wr0ng@127.0.0.1:1' }),
      8,
      /^remora: PEER_FAILED: the proxy 127\.0\.0\.1:1 does not connect: .*ECONNREFUSED/,
    ],
    [
      'is of another kind',
      () => ({ ALL_PROXY: 'socks5://me:wr0ng@localhost:1080' }),
      2,
      /"socks5:\/\/…@localhost:1080" is no/,
    ],
  ])('that %s is named, without its password', async (_, env, exit, message) => {
    const { status, stderr } = await through(env())
    expect([status, stderr]).toEqual([exit, expect.stringMatching(message)])
    expect(stderr).not.toContain('wr0ng')
    const captured = await remora(['capture', 'host', '--host', host, '-w', file('never')], { env: env() })
    expect([captured.status, captured.stderr]).toEqual([exit, expect.stringMatching(message)])
  })

  test('in Wireshark is off by default, that of its environment otherwise, or the one that is filled in', async () => {
    const before = proxy.hosts.length
    const url = ['--dockerhosturl', `http://${host}`, '--tokenfile', file('proxied')]
    const dead = { HTTP_PROXY: 'http://127.0.0.1:1' }
    expect(await extcap([...url, '--proxyoff'], dead)).toMatchObject(answered)
    expect(proxy.hosts.slice(before)).toEqual([])
    expect(await extcap(url, dead)).toMatchObject({
      status: 8,
      stderr: expect.stringContaining('the proxy 127.0.0.1:1'),
    })
    expect(await extcap([...url, '--httpproxy', proxy.url], dead)).toMatchObject(answered)
    expect(await extcap([...url, '--noproxy', address], dead)).toMatchObject(answered)
    expect(proxy.hosts.slice(before)).toEqual([host])
  })
})

describe('localhost is found', () => {
  test.each(['127.0.0.1:0', '[::1]:0'])('where only %s listens', async listen => {
    const service = await serve(['--listen', listen])
    try {
      const port = service.address.replace(/^.*:/, '')
      expect(await list(`localhost:${port}`)).toMatchObject(good)
      const args = ['--host', `localhost:${port}`, '-a', 'duration:0.3', '-w', file('family')]
      expect(await remora(['capture', 'host', '-i', 'lo', ...args])).toMatchObject({ status: 0, stderr: '' })
    } finally {
      await service.close()
    }
  })
})

describe('a link-local address is reached through its zone', () => {
  const address = 'fe80::7'
  const token = ['--token-file', file('zone-token')]
  let pair: NetnsPair
  const inside = (name: string) => ['nsenter', `--net=/run/netns/${name}`]
  /** A service in the one namespace. */
  const serveThere = (args: readonly string[]) => serve([...args, ...token], { prefix: inside(pair.receiver) })
  /** remora in the other, whose interface has another name. */
  const call = (...args: string[]) =>
    run([...inside(pair.sender), executable, ...args, ...token], { env: environment() })
  beforeAll(async () => {
    pair = await makeNetnsPair()
    for (const [name, nif, own] of [
      [pair.sender, 'a0', 'fe80::6'],
      [pair.receiver, 'b0', address],
    ] as const) {
      await must(...inside(name), 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=0')
      await must('ip', '-n', name, 'addr', 'add', `${own}/64`, 'dev', nif, 'nodad')
    }
  })
  afterAll(() => pair?.close())

  test('however it is written, and also where a proxy is for all others', async () => {
    const service = await serveThere(['--listen', `[${address}%25b0]:5051`])
    try {
      expect(service.address).toBe(`[${address}%b0]:5051`)
      for (const host of [`[${address}%a0]:5051`, `http://[${address}%25a0]:5051`, `ws://[${address}%a0]:5051`])
        expect(await call('list', 'host', '--json', '--host', host)).toMatchObject(good)
      const args = ['--host', `[${address}%a0]:5051`, '-i', 'lo', '-a', 'duration:0.3', '-w', file('zone')]
      expect(await call('capture', 'host', ...args)).toMatchObject({ status: 0, stderr: '' })
      const env = environment({ http_proxy: 'http://127.0.0.1:1' })
      const list = ['list', 'host', '--json', '--host', `[${address}%a0]:5051`, ...token]
      expect(await run([...inside(pair.sender), executable, ...list], { env })).toMatchObject(good)
      const reload = ['--extcap-interface', 'mobyshark', '--extcap-config', '--extcap-reload-option', 'container']
      const settings = ['--dockerhosturl', `http://[${address}%25a0]:5051`, '--tokenfile', file('zone-token')]
      const reloaded = await run([...inside(pair.sender), executable, ...reload, ...settings, '--showprocs'])
      expect(reloaded.stdout).toMatch(/^value \{arg=\d+\}\{value=%7B/m)
    } finally {
      await service.close()
    }
  })

  test('by TLS, with a certificate for the address', async () => {
    const names = ['-subj', '/CN=zone', '-addext', `subjectAltName=IP:${address}`, '-days', '2']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('zone.key')]
    await must('openssl', 'req', '-x509', ...key, '-out', file('zone.pem'), ...names)
    const tls = ['--tls-cert', file('zone.pem'), '--tls-key', file('zone.key')]
    const service = await serveThere(['--listen', `[${address}%b0]:5052`, ...tls])
    try {
      const host = ['--host', `https://[${address}%a0]:5052`, '--ca', file('zone.pem')]
      expect(await call('list', 'host', '--json', ...host)).toMatchObject(good)
      const args = [...host, '-i', 'lo', '-a', 'duration:0.3', '-w', file('zone-tls')]
      expect(await call('capture', 'host', ...args)).toMatchObject({ status: 0, stderr: '' })
    } finally {
      await service.close()
    }
  })
})
