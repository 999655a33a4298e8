import { describe, expect, test } from 'vitest'
import type { RemoraError } from '../../../../src/base/errors.ts'
import { maxInterfacesFor, planSource } from '../../../../src/capture/plan/plan.ts'
import {
  type CaptureRequest,
  parseInterfaceNames,
  parseSnaplen,
  parseStopConditions,
} from '../../../../src/capture/request/request.ts'
import type { NetworkInterface } from '../../../../src/model/interface.ts'

const request: CaptureRequest = {
  targets: ['web'],
  interfaces: [],
  filter: '',
  promiscuous: true,
  stop: {},
  names: true,
  follow: false,
}
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
    planSource({ ...request, interfaces: wanted }, target, interfaces).dumpcap.interfaces.map(({ name }) => name)

  test('every one that is up, whatever it is called', () => {
    expect(chosen([])).toEqual(['lo', 'eth0', '-', 'any', 'nflog'])
    const { dumpcap, interfaceIndexes } = planSource({ ...request, filter: 'tcp' }, target, interfaces)
    expect(dumpcap.interfaces.slice(1).map(({ device, filter }) => [device, filter])).toEqual([
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
    expect(planSource(asked, target, named).dumpcap.interfaces.map(({ name }) => name)).toEqual(['eth0'])
  })

  test('any that is asked for is every interface, whatever an interface is called', () => {
    const { dumpcap, interfaceIndexes } = planSource({ ...request, interfaces: ['any'] }, target, interfaces)
    expect(dumpcap.interfaces).toEqual([{ name: 'any', description: 'docker lab:1 netns 42' }])
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
    const { dumpcap, notes, everyInterface } = planSource(request, target, down)
    expect([dumpcap.interfaces.map(({ name }) => name), notes, everyInterface]).toEqual([
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
    expect(planSource(request, target, many(most), options).dumpcap.interfaces).toHaveLength(most)
    const { dumpcap, notes } = planSource(request, target, many(most + 1), options)
    expect(dumpcap.interfaces.map(({ name }) => name)).toEqual(['any'])
    expect(notes).toEqual([expect.stringMatching(`^${most + 1} interfaces of web are up: any is captured`)])
    const named = many(most + 1).map(({ name }) => name)
    const refused = expect.objectContaining({ code: 'LIMIT' })
    expect(() => planSource({ ...request, interfaces: named }, target, many(most + 1), options)).toThrow(refused)
    expect(() => planSource({ ...request, at: 'both' }, target, many(most + 1), options)).toThrow(refused)
  })
})

describe('what dumpcap is told', () => {
  test('describes the interfaces and the target', () => {
    const { dumpcap, netns, names } = planSource({ ...request, filter: 'icmp' }, target, interfaces)
    expect(dumpcap.interfaces[0]).toEqual({ name: 'lo', description: 'docker lab:1 netns 42' })
    expect(dumpcap.comment).toMatch(
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
      ).dumpcap.bufferSize
    expect([1, 2, 4, 100].map(buffer)).toEqual([32, 16, 8, 2])
  })

  test('a duration lasts until its last packet is written', () => {
    const { dumpcap } = planSource({ ...request, stop: { duration: 2, packets: 3, filesize: 4 } }, target, interfaces)
    expect(dumpcap.stopConditions).toEqual(['duration:2.3', 'packets:3', 'filesize:4'])
  })

  test('names can be left out', () => {
    expect(planSource({ ...request, names: false }, target, interfaces).names).toEqual([])
  })
})

describe('what was typed', () => {
  test.each([
    ['duration:5', { duration: 5 }],
    ['duration:0.5', { duration: 0.5 }],
    ['packets:10', { packets: 10 }],
    ['filesize:100', { filesize: 100 }],
  ])('stop condition %s', (text, stop) => {
    expect(parseStopConditions([text])).toEqual(stop)
  })

  test.each(['packets:1.5', 'packets:0', 'duration:', 'duration:-1', 'files:3', '5', 'duration:1;rm', 'duration:1e9'])(
    '%s is none',
    text => {
      expect(() => parseStopConditions([text])).toThrow(expect.objectContaining({ code: 'USAGE' }))
    },
  )

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
})
