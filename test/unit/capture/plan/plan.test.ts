import { describe, expect, test } from 'vitest'
import type { RemoraError } from '../../../../src/base/errors.ts'
import {
  decideRoute,
  maxInterfacesFor,
  planCapture,
  planSource,
  stopConditions,
} from '../../../../src/capture/plan/plan.ts'
import { dumpcapOptions, foundPeer, ownInterfaces, planTaps, type TapPlan } from '../../../../src/capture/plan/taps.ts'
import {
  captureOptions,
  parseInterfaceNames,
  parseSnaplen,
  parseStopConditions,
} from '../../../../src/capture/request/options.ts'
import { type CaptureRequest, requestOf } from '../../../../src/capture/request/request.ts'
import type { NetworkInterface } from '../../../../src/model/interface.ts'

const request = requestOf(['web'])
const target = {
  reference: 'docker:web',
  name: 'web',
  type: 'docker',
  container: { engine: 'docker', id: 'aa', image: 'lab:1', state: 'running', labels: {}, socket: '' },
  namespace: { inode: 42 },
  names: [{ address: '10.0.0.2', name: 'web' }],
} as const
const nif = (name: string, up = true, index = 1): NetworkInterface => ({
  index,
  name,
  up,
  operstate: 'UP',
  loopback: false,
  promiscuous: false,
  addresses: [],
})
const interfaces = [nif('lo'), nif('eth0'), nif('eth1', false), nif('-'), nif('any', true, 8), nif('nflog', true, 9)]

describe('interfaces', () => {
  const chosen = (wanted: string[]) =>
    planSource({ ...request, interfaces: wanted }, target, interfaces).taps.map(tap => tap.interface.name)

  test('every one that is up, whatever it is called', () => {
    expect(chosen([])).toEqual(['lo', 'eth0', '-', 'any', 'nflog'])
    const { taps, interfaceIndexes } = planSource({ ...request, filter: 'tcp' }, target, interfaces)
    expect(taps.slice(1).map(({ opened: { device, filter } }) => [device, filter])).toEqual([
      [undefined, undefined],
      ['-:', undefined],
      ['any', 'ifindex 8 and (tcp)'],
      ['any', 'ifindex 9 and (tcp)'],
    ])
    expect(interfaceIndexes).toEqual([1, 1, 1, 8, 9])
  })

  test('one that is asked for by an alternative name is captured once, under its own', () => {
    const named = [nif('lo'), { ...nif('eth0'), altNames: ['Ethernet0-2'] }]
    const asked = { ...request, interfaces: ['Ethernet0-2', 'eth0'] }
    expect(planSource(asked, target, named).taps.map(tap => tap.interface.name)).toEqual(['eth0'])
  })

  test('any that is asked for is every interface, whatever an interface is called', () => {
    const { taps, interfaceIndexes } = planSource({ ...request, interfaces: ['any'] }, target, interfaces)
    expect(taps.map(({ opened }) => opened)).toEqual([{ name: 'any', description: 'docker lab:1 netns 42' }])
    expect(interfaceIndexes).toBeUndefined()
  })

  test('those asked for, in that order; any only when asked for', () => {
    expect(chosen(['eth0', 'lo'])).toEqual(['eth0', 'lo'])
    expect(chosen(['any'])).toEqual(['any'])
  })

  test.each([
    ['eth1', /"eth1" of web is down; there are lo, eth0, -, any/],
    ['eth9', /"eth9" of web does not exist; there are lo, eth0, -, any/],
    ['-x', /does not exist/],
    ['TCP@1.2.3.4', /does not exist/],
    ['7', /does not exist/],
    ['/etc/passwd', /does not exist/],
  ])('%s is refused, with those that exist', (name, message) => {
    expect(() => chosen([name])).toThrow(
      expect.objectContaining({ code: 'INTERFACE_NOT_FOUND', message: expect.stringMatching(message) }),
    )
  })

  test('a target of which none is up is captured on any, and says so, unless its interfaces are waited for', () => {
    const down = [nif('lo', false), nif('eth0', false)]
    const { taps, notes, everyInterface } = planSource(request, target, down)
    expect([taps.map(tap => tap.interface.name), notes, everyInterface]).toEqual([
      ['any'],
      ['no interface of web is up: any is captured, and sees what comes up'],
      false,
    ])
    expect(() => planSource(request, target, down, { allowAny: false })).toThrow(/no network interface that is up/)
    expect(() => planSource({ ...request, at: 'peer' }, target, down)).toThrow(/no network interface that is up/)
  })

  test('what is advised for the other end is nothing that has none', () => {
    const veth = { ...nif('eth0'), lower: { index: 7 } }
    const refusal = (name: string, all: readonly NetworkInterface[]) => {
      try {
        return planSource({ ...request, interfaces: [name], at: 'peer' }, target, all)
      } catch (error) {
        const { message, hint } = error as RemoraError
        return `${message} | ${hint}`
      }
    }
    expect(refusal('nope', [nif('lo'), veth])).toBe(
      'interface "nope" of web does not exist; another end may have eth0 | Choose one of them, or none for all.',
    )
    expect(refusal('any', [nif('lo'), veth])).toMatch('"any" of web has no other end; another end may have eth0')
    expect(refusal('nope', [nif('lo')])).toMatch('none that is up has another end | Capture inside')
    const wide = many(65).map(({ name }) => name)
    const peers = { ...request, interfaces: wide, at: 'peer' as const }
    expect(() => planSource(peers, target, many(65), { woven: true })).toThrow(
      expect.objectContaining({ code: 'LIMIT', hint: 'Name fewer of them with -i.' }),
    )
  })

  const many = (count: number) => Array.from({ length: count }, (_, index) => nif(`eth${index}`, true, index))

  test.each([
    [{}, 128],
    [{ woven: true }, 64],
    [{ woven: true, maxInterfaces: maxInterfacesFor(10, 256) }, 25],
    [{ woven: true, maxInterfaces: maxInterfacesFor(200, 256) }, 1],
    [{ woven: true, maxInterfaces: maxInterfacesFor(10_000, 256) }, 1],
  ])('%o: so many interfaces are captured one by one, more on any, and a line says so', (options, most) => {
    expect(planSource(request, target, many(most), options).taps).toHaveLength(most)
    const { taps, notes } = planSource(request, target, many(most + 1), options)
    expect(taps.map(tap => tap.interface.name)).toEqual(['any'])
    expect(notes).toEqual([expect.stringMatching(`^${most + 1} interfaces of web are up: any is captured`)])
    const named = many(most + 1).map(({ name }) => name)
    const refused = expect.objectContaining({ code: 'LIMIT' })
    expect(() => planSource({ ...request, interfaces: named }, target, many(most + 1), options)).toThrow(refused)
    expect(() => planSource({ ...request, at: 'both' }, target, many(most + 1), options)).toThrow(refused)
  })
})

describe('what dumpcap is told', () => {
  test('describes the interfaces and the target', () => {
    const { taps, comment, netns, names } = planSource({ ...request, filter: 'icmp' }, target, interfaces)
    expect(dumpcapOptions(taps, comment).interfaces[0]).toEqual({ name: 'lo', description: 'docker lab:1 netns 42' })
    expect(dumpcapOptions(taps, comment).comment).toMatch(
      /container-name: web\ncontainer-type: docker\nnode-name: .*\ncapture-filter: icmp\n$/,
    )
    expect(netns).toBe(42)
    expect(names).toEqual(target.names)
  })

  test('the kernel buffers of all interfaces together stay the same', () => {
    const buffer = (count: number) =>
      planSource(
        request,
        target,
        Array.from({ length: count }, (_, index) => nif(`eth${index}`)),
      ).taps[0]?.bufferSize
    expect([1, 2, 4, 100].map(buffer)).toEqual([32, 16, 8, 2])
  })

  test('a duration lasts until its last packet is written', () => {
    expect(stopConditions({ duration: 2, packets: 3, filesize: 4 })).toEqual([
      'duration:2.3',
      'packets:3',
      'filesize:4',
    ])
  })

  test('names can be left out', () => {
    expect(planSource({ ...request, names: false }, target, interfaces).names).toEqual([])
  })
})

describe('the whole plan', () => {
  const veth = [nif('lo', true, 1), { ...nif('eth0', true, 2), lower: { index: 7, nsid: 0 } }, nif('any', true, 8)]
  const plain = { direction: false, correlation: false, names: true, keys: false }
  const inside: TapPlan = {
    target: { reference: 'docker:web', name: 'web' },
    interface: { name: 'lo', index: 1 },
    ...{ point: 'inside', netns: 42, program: 'dumpcap', filter: 'udp', snaplen: undefined, promiscuous: true },
    opened: { name: 'lo', description: 'docker lab:1 netns 42' },
    ...{ bufferSize: 10, annotations: plain, shown: 'lo' },
  }
  const ofOther = {
    interface: { name: 'any', index: 8 },
    opened: {
      ...{ name: 'any', description: 'docker lab:1 netns 42', device: 'any', linkType: 'LINUX_SLL2' },
      filter: 'ifindex 8 and (udp)',
    },
    shown: 'any',
  }
  const eth0 = { interface: { name: 'eth0', index: 2 }, shown: 'eth0' }

  test('of a direct capture', () => {
    const asked = { ...request, filter: 'udp', stop: { packets: 3 } }
    const route = decideRoute(asked, { targets: 1, heads: false, pending: false })
    const source = planSource(asked, target, veth)
    expect(planCapture(asked, route, [source])).toEqual({
      ...{ route: 'direct', reasons: [], reference: 'docker:web', name: 'web', window: 300 },
      ...{ stop: { packets: 3 }, annotations: plain, keys: undefined, comment: source.comment },
      sources: [
        {
          ...{ reference: 'docker:web', name: 'web', type: 'docker', label: undefined, netns: 42, central: false },
          ...{ description: 'docker lab:1 netns 42', at: 'inside', program: 'dumpcap', filter: 'udp', ownStream: [] },
          ...{ snaplen: undefined, promiscuous: true, buffer: 32, annotations: plain },
          ...{ everyInterface: true, wanted: [], stays: false, notes: [], interfaceIndexes: [1, 2, 8] },
          comment: expect.stringContaining('capture-filter: udp'),
          names: target.names,
          taps: [inside, { ...inside, ...eth0, opened: { ...inside.opened, name: 'eth0' } }, { ...inside, ...ofOther }],
        },
      ],
    })
  })

  test('of a merged one at both ends, with everything', () => {
    const asked: CaptureRequest = {
      ...{ ...request, interfaces: ['eth0'], snaplen: 96, promiscuous: false, names: false, follow: true },
      ...{ direction: true, immediate: true, at: 'both', keys: { fromTargets: true, files: ['/k'] } },
    }
    const route = decideRoute(asked, { targets: 1, heads: true, pending: true })
    const source = planSource(asked, target, veth, { woven: true, label: 'web', several: true, buffer: 8 })
    const plan = planCapture(asked, route, [source])
    const all = { direction: true, correlation: true, names: false, keys: true }
    expect(plan).toMatchObject({
      ...{ route: 'woven', window: 300, annotations: all, keys: { fromTargets: true, files: ['/k'] } },
      reasons: ['captured since it came', 'follow', 'direction', 'immediate', 'at both', 'TLS keys'],
      sources: [{ wanted: ['eth0'], stays: true, everyInterface: false, names: [] }],
    })
    const near: TapPlan = {
      ...{ ...inside, ...eth0, program: 'tcpdump', filter: '', snaplen: 96, promiscuous: false, bufferSize: 8 },
      ...{ annotations: all, shown: 'web/eth0', opened: { ...inside.opened, name: 'eth0' } },
    }
    const far: TapPlan = { ...near, point: 'peer', netns: undefined }
    expect(source.taps).toEqual([near, far])
    expect(ownInterfaces(source.taps)).toEqual([near.opened])
    expect(foundPeer(far, { name: 'veth1', index: 7, netns: 1 })).toEqual({
      ...{ ...far, netns: 1, opened: { ...far.opened, name: 'veth1' }, shown: 'web/eth0@veth1' },
    })
  })

  test('taps are planned again for what has come, with the buffer that is for it', () => {
    const source = planSource({ ...request, filter: 'udp' }, target, veth)
    expect(planTaps(source, [{ name: 'eth9', index: 9 }], veth)).toEqual([
      {
        ...{ ...inside, interface: { name: 'eth9', index: 9 }, shown: 'eth9', bufferSize: 32 },
        opened: { ...inside.opened, name: 'eth9' },
      },
    ])
  })

  test.each<[string, Partial<CaptureRequest>, Partial<Parameters<typeof decideRoute>[1]>, readonly string[]]>([
    ['nothing in the way', {}, {}, []],
    ['several targets', {}, { targets: 2 }, ['2 targets']],
    ['a target to come', {}, { pending: true }, ['a target is waited for']],
    ['all to come', { follow: true }, { pending: true }, ['follow']],
    ['an early capture', {}, { heads: true }, ['captured since it came']],
    ['a window', { window: 0 }, {}, ['window']],
    ['the other end', { at: 'peer' }, {}, ['at peer']],
  ])('%s decides the route', (_, asked, facts, reasons) => {
    const known = { targets: 1, heads: false, pending: false, ...facts }
    expect(decideRoute({ ...request, ...asked }, known)).toEqual({
      route: reasons.length === 0 ? 'direct' : 'woven',
      reasons,
    })
  })
})

describe('what was typed', () => {
  const unitsOfOthers = [
    'duration:5x',
    'duration:5MB',
    'duration:0s',
    'duration:999999999h',
    'filesize:5m',
    'filesize:1.5',
  ]

  test.each([
    ['duration:5', { duration: 5 }],
    ['duration:0.5', { duration: 0.5 }],
    ['packets:10', { packets: 10 }],
    ['filesize:100', { filesize: 100 }],
    ['duration:5s', { duration: 5 }],
    ['duration:2m', { duration: 120 }],
    ['duration:1.5h', { duration: 5400 }],
    ['duration:250ms', { duration: 0.25 }],
    ['filesize:10MB', { filesize: 9766 }],
    ['filesize:1GiB', { filesize: 1_048_576 }],
    ['filesize:1.5KiB', { filesize: 2 }],
    ['filesize:1B', { filesize: 1 }],
  ])('stop condition %s', (text, stop) => {
    expect(parseStopConditions([text])).toEqual(stop)
  })

  test.each([
    'packets:1.5',
    'packets:0',
    'duration:',
    'duration:-1',
    'files:3',
    '5',
    'duration:1;rm',
    'duration:1e9',
    ...unitsOfOthers,
  ])('%s is none', text => {
    expect(() => parseStopConditions([text])).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test('snapshot lengths', () => {
    expect([undefined, '', '0', '96', '262144'].map(parseSnaplen)).toEqual([
      undefined,
      undefined,
      undefined,
      96,
      262144,
    ])
    for (const text of ['-1', 'x', '262145', '1.5']) expect(() => parseSnaplen(text)).toThrow(/no snapshot length/)
  })

  test('interface names', () => {
    expect(parseInterfaceNames(['eth0/lo', ' eth0 ', '', 'eth1'])).toEqual(['eth0', 'lo', 'eth1'])
  })

  test('interface names of the command line are parted by commas, those with a comma by slashes', () => {
    const read = (typed: object) => captureOptions.interfaces.fromFlags(typed as never)
    expect(read({ interface: ['eth0,lo', ' eth1 , eth0'] })).toEqual(['eth0', 'lo', 'eth1'])
    expect(read({ interface: ['odd,name/', 'lo'] })).toEqual(['odd,name', 'lo'])
  })

  test('a number of packets is a stop condition like any other', () => {
    const read = (typed: object) => captureOptions.stop.fromFlags(typed as never)
    expect(read({ autostop: ['duration:2m'], count: '5' })).toEqual({ duration: 120, packets: 5 })
    for (const count of ['0', 'x', '1.5', '-1', '']) expect(() => read({ count })).toThrow(/is no stop condition/)
  })

  test('how long to wait', () => {
    const read = (wait: string) => captureOptions.wait.fromFlags({ wait } as never)
    expect(['', '5', '2m', '0.5'].map(read)).toEqual([{}, { timeout: 5 }, { timeout: 120 }, { timeout: 0.5 }])
    for (const text of ['0', 'x', '5MB', '-1']) expect(() => read(text)).toThrow(/is no time to wait/)
  })
})
