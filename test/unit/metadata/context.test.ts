/** The context: read back by a YAML parser whatever it holds, and never too long. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { type CaptureContextFacts, contextComment, type TargetContext } from '../../../src/metadata/context.ts'
import { targetComment } from '../../../src/protocol/packetflix/comment.ts'

const web: TargetContext = {
  reference: 'docker:web',
  name: 'web',
  type: 'docker',
  engine: 'docker',
  image: 'nginx:1.27',
  id: 'a'.repeat(64),
  labels: { 'com.docker.compose.project': 'shop', empty: '' },
  netns: 4026532281,
  incarnation: { pid: 1234, startTime: 98765, startedAt: '2026-11-21T11:00:00Z', restarts: 0 },
  interfaces: [
    {
      name: 'eth0',
      index: 5,
      mac: '02:42:ac:11:00:02',
      mtu: 1500,
      addresses: ['172.17.0.2', 'fd00::2'],
      state: 'UP',
      peerIndex: 6,
      offloads: ['tcp-segmentation-offload'],
      filter: 'tcp port 80',
    },
    { name: 'lo', index: 1, addresses: [], state: 'UNKNOWN', filter: '' },
  ],
  routes: ['default via 172.17.0.1 dev eth0', '172.17.0.0/16 dev eth0'],
  resolver: { nameservers: ['10.0.0.53'], search: ['a.test'], options: ['ndots:0'] },
}

const facts: CaptureContextFacts = {
  remora: '0.1.0',
  dumpcap: '4.0.17',
  capturedAt: '2026-11-21T11:10:44.000Z',
  host: { name: 'host', kernel: '6.18.44' },
  targets: [web],
}

test('a document for people, and for any YAML reader', () => {
  expect(contextComment(facts)).toBe(`---
# remora context
remora: "0.1.0"
dumpcap: "4.0.17"
captured-at: "2026-11-21T11:10:44.000Z"
host:
  name: host
  kernel: "6.18.44"
targets:
  - reference: "docker:web"
    name: web
    type: docker
    engine: docker
    image: "nginx:1.27"
    id: ${'a'.repeat(64)}
    labels:
      com.docker.compose.project: shop
      empty: ""
    netns: 4026532281
    incarnation:
      pid: 1234
      start-time: 98765
      started-at: "2026-11-21T11:00:00Z"
      restarts: 0
    interfaces:
      - name: eth0
        index: 5
        mac: "02:42:ac:11:00:02"
        mtu: 1500
        addresses: ["172.17.0.2", "fd00::2"]
        state: UP
        peer-ifindex: 6
        offloads: [tcp-segmentation-offload]
        filter: tcp port 80
      - name: lo
        index: 1
        state: UNKNOWN
    routes: [default via 172.17.0.1 dev eth0, "172.17.0.0/16 dev eth0"]
    resolv-conf:
      nameservers: ["10.0.0.53"]
      search: [a.test]
      options: ["ndots:0"]
`)
})

test('what is not known is not there', () => {
  const { engine, image, id, labels, incarnation, routes, resolver, ...least } = web
  const text = contextComment({ ...facts, dumpcap: undefined, targets: [{ ...least, interfaces: [] }] })
  expect(parse(text).targets).toEqual([{ reference: 'docker:web', name: 'web', type: 'docker', netns: 4026532281 }])
  expect(parse(text)).not.toHaveProperty('dumpcap')
})

describe('too much', () => {
  const labels = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`label-${at}`, 'x'.repeat(5_000)]))
  const routes = Array.from({ length: 400 }, (_, at) => `10.${at}.0.0/16 dev eth0`)
  const interfaces = Array.from({ length: 300 }, (_, index) => ({ ...web.interfaces[0], name: `eth${index}`, index }))
  const read = (targets: readonly TargetContext[], limit?: number) => {
    const text = contextComment({ ...facts, targets }, limit)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit ?? 60_000)
    return parse(text)
  }

  test('labels are bounded in any case', () => {
    const found: string[] = Object.values(read([{ ...web, labels }]).targets[0].labels)
    expect(found.map(({ length }) => length)).toEqual(new Array(64).fill(200))
    expect(read([{ ...web, labels }])).not.toHaveProperty('truncated')
  })

  test('offloads go first, then labels, then routes, then interfaces, then whole targets', () => {
    const large = { ...web, labels, routes, interfaces: interfaces as TargetContext['interfaces'] }
    const seen = (limit: number) => {
      const { truncated, targets } = read([large, large, large], limit)
      const [{ labels: found = {}, routes: via = [], interfaces: nifs = [] }] = targets
      return [truncated, targets.length, Object.keys(found).length, via.length, nifs.length]
    }
    expect(seen(400_000)).toEqual([undefined, 3, 64, 400, 300])
    expect(seen(270_000)).toEqual([true, 3, 64, 400, 300])
    expect(seen(240_000)).toEqual([true, 3, 0, 400, 300])
    expect(seen(205_000)).toEqual([true, 3, 0, 20, 300])
    expect(seen(60_000)).toEqual([true, 3, 0, 20, 20])
    expect(seen(2_000)).toEqual([true, 3, 0, 0, 0])
    expect(seen(900)).toEqual([true, 2, 0, 0, 0])
    expect(contextComment(facts, 20)).toBe('')
  })
})

const hostile = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    '---',
    '\n---\n',
    '- a',
    'a: b',
    '<<',
    '__proto__',
    '\ud800',
    '\udfff',
    '\u0000\u001b[31m',
    '\u0085',
    'yes',
    '{',
  ),
  fc.string({ unit: fc.constantFrom('\u0001', '\ud83d\ude00', '"', '\\', 'x'), maxLength: 3_000 }),
)

test('whatever a container says of itself, the section comment is two documents and no longer than it may be', () => {
  const words = fc.array(hostile, { maxLength: 80 })
  const target = fc.record({
    reference: hostile,
    name: hostile,
    type: hostile,
    image: hostile,
    labels: fc.dictionary(hostile, hostile, { maxKeys: 90 }),
    netns: fc.nat(),
    interfaces: fc.array(
      fc.record({ name: hostile, index: fc.nat(), addresses: words, state: hostile, filter: hostile }),
      { maxLength: 30 },
    ),
    routes: words,
    resolver: fc.record({ nameservers: words, search: words, options: words }),
  })
  fc.assert(
    fc.property(fc.array(target, { maxLength: 3 }), hostile, (targets, name) => {
      const first = targetComment({ name, type: 'docker', node: name, filter: '', promiscuous: true })
      const context = contextComment({ ...facts, targets }, 60_000 - Buffer.byteLength(first))
      expect(Buffer.byteLength(first + context)).toBeLessThanOrEqual(60_000)
      for (const version of ['1.1', '1.2'] as const) {
        const documents = parseAllDocuments(first + context, { version })
        expect(documents).toHaveLength(2)
        if (!('length' in documents)) throw new Error('nothing')
        for (const document of documents) expect([document.errors, document.warnings]).toEqual([[], []])
        const read = documents[1]?.toJS({ maxAliasCount: 0 })
        expect(read.host).toEqual(facts.host)
        expect(read.targets ?? []).toHaveLength(targets.length)
      }
    }),
    { numRuns: 60 },
  )
})
