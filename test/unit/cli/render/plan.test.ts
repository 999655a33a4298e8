/** What a dry run shows. */
import { expect, test } from 'vitest'
import type { CapturePreview, PreviewedInterface } from '../../../../src/capture/preview.ts'
import { renderPlan } from '../../../../src/cli/render/plan.ts'

const program = '(000) ret #262144'
const nif = (name: string, some: Partial<PreviewedInterface> = {}): PreviewedInterface => ({
  ...{ name, captured: true, up: true, operstate: 'UP', addresses: [], filter: '', program: '' },
  rate: { packets: 0, bytes: 0 },
  ...some,
})
const preview: CapturePreview = {
  ...{
    reference: 'docker:web',
    name: 'web',
    type: 'docker',
    netns: 42,
    hostNetwork: false,
    route: 'direct',
    reasons: [],
    notes: [],
    window: 300,
    annotations: { direction: false, correlation: false, names: true, keys: false },
    keys: undefined,
  },
  ...{ filter: '', excluding: '', snaplen: undefined, promiscuous: true, bufferSize: 16, stopConditions: [] },
  interfaces: [
    nif('lo', { operstate: 'UNKNOWN', addresses: ['127.0.0.1', '::1'] }),
    nif('eth0', { rate: { packets: 12_345, bytes: 6_789 }, addresses: ['172.17.0.2'] }),
    nif('eth1', { captured: false, up: false }),
    nif('eth2', { captured: false, operstate: 'DOWN', rate: undefined }),
  ],
}

test('the plan of a plain capture', () => {
  expect(renderPlan(preview)).toBe(`target      docker:web (network namespace 42)
route       direct: dumpcap writes the packets itself
filter      none
annotations names of addresses
promiscuous yes
buffer      16 MiB an interface
stops       when asked to
expected    12,345 packets/s, 6,789 bytes/s, as it is now

INTERFACE  CAPTURED  LINK        PACKETS/S  BYTES/S  ADDRESSES
lo         yes       up          0          0        127.0.0.1, ::1
eth0       yes       up          12,345     6,789    172.17.0.2
eth1       no        down        0          0
eth2       no        no carrier  ?          ?
`)
})

test('filters with their programs, each program once, and everything that is out of the ordinary', () => {
  const filter = 'not (tcp and host 10.0.0.1) and (udp)'
  const text = renderPlan({
    ...preview,
    ...{ hostNetwork: true, route: 'woven', filter: 'udp', excluding: 'not (tcp and host 10.0.0.1)', snaplen: 96 },
    ...{ promiscuous: false, stopConditions: ['packets:3'] },
    annotations: { direction: true, correlation: true, names: false, keys: true },
    keys: { fromTargets: true, files: ['/var/log/keys'] },
    interfaces: [
      ...[nif('lo', { filter, program }), nif('eth0', { filter, program })],
      ...[nif('any', { filter, program: '(000) ldh [14]\n(001) ret #0', rate: undefined })],
    ],
  })
  expect(text).toMatch(/^network {5}that of the host, with everything else on it$/m)
  expect(text).toMatch(/^route {7}woven: /m)
  expect(text).toMatch(/^annotations direction, numbers of packets seen at both ends$/m)
  expect(text).toMatch(/^TLS keys {4}of the targets' processes \(SSLKEYLOGFILE\), \/var\/log\/keys$/m)
  expect(text).toMatch(/^left out {4}the connection that carries the capture: not \(tcp and host 10\.0\.0\.1\)$/m)
  expect(text).toMatch(/^snaplen {5}96 bytes of each packet\npromiscuous no$/m)
  expect(text).toMatch(/^stops {7}packets:3$/m)
  expect(text).not.toMatch(/^expected/m)
  expect(text).toMatch(
    /\n\nfilter program of lo, eth0\n {2}\(000\) ret #262144\n\nfilter program of any\n {2}\(000\) ldh \[14\]\n {2}\(001\) ret #0\n$/,
  )
})

test('however much there is, it stays a page; and it cannot steer the terminal', () => {
  const long = Array.from({ length: 4_000 }, (_, index) => `(${index}) ld [0]`).join('\n')
  const text = renderPlan({
    ...preview,
    filter: 'udp\x1b[2J',
    interfaces: Array.from({ length: 3_000 }, (_, index) => nif(`v${index}\x1b`, { program: long })),
  })
  expect(text.split('\n').length).toBeLessThan(110)
  expect(text).toContain('… and 2960 more\n')
  expect(text).toContain('  … and 3960 more\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f]/)
})
