import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RemoraError } from '../../../src/base/errors.ts'
import {
  formatParameters,
  parseParameters,
  type StockSubject,
  wantedInterfaces,
} from '../../../src/packetflix/parameters.ts'
import { stockTarget } from '../../../src/packetflix/target.ts'

function parse(query: string | Record<string, string>, headers: Record<string, string> = {}) {
  return parseParameters(new URLSearchParams(query), name => headers[name])
}

const web = JSON.stringify({ name: 'web', type: 'docker', 'network-interfaces': ['eth0', 'lo', 'eth0'] })

describe('interfaces', () => {
  test.each<[Record<string, string>, string[]]>([
    [{ container: web }, ['eth0', 'lo']],
    [{ container: web, nif: '' }, ['eth0', 'lo']],
    [{ container: web, nif: 'any' }, ['eth0', 'lo']],
    [{ container: web, nif: 'lo/br-1' }, ['lo', 'br-1']],
    [{ container: web, nif: '/lo//' }, ['lo']],
    [{ container: '{"network-interfaces":["all"]}', nif: '' }, []],
    [{ netns: '7' }, []],
  ])('%j', (query, names) => {
    expect(wantedInterfaces(parse(query))).toEqual(names)
  })
})

test('a header wins over the query, also an empty one', () => {
  const query = { container: web, filter: 'tcp', nif: 'lo' }
  const headers = { 'Clustershark-Container': '{"name":"db"}', 'Clustershark-Filter': '', 'Clustershark-Chaste': '' }
  expect(parse(query, headers)).toMatchObject({
    subjects: [{ kind: 'container', target: { name: 'db' } }],
    filter: '',
    interfaces: ['lo'],
    promiscuous: false,
  })
})

test('the first of several is meant', () => {
  expect(parse('netns=1&netns=2&filter=a&filter=b')).toMatchObject({
    subjects: [{ netns: 1 }, { netns: 2 }],
    filter: 'a',
  })
})

test.each<[string, RegExp]>([
  ['', /either container or netns/],
  ['container={}&netns=1', /mutually exclusive/],
  ['container={', /invalid container\/target description/],
  ['container="x"', /invalid container\/target description/],
  ['container={"pid":-1}', /pid: /],
  ['container={"netns":1.5}', /netns: /],
  ['netns=', /invalid netns ""/],
  ['netns=1e3', /invalid netns "1e3"/],
  ['netns=-1', /invalid netns/],
  [`netns=${'9'.repeat(400)}`, /invalid netns "9{40}"/],
])('%s is refused', (query, message) => {
  expect(() => parse(query)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
  )
})

test('whatever comes is parameters or a wrong use, and a short one', () => {
  const names = fc.constantFrom('container', 'netns', 'nif', 'filter', 'chaste', 'include-self', 'token')
  const json = fc.dictionary(
    fc.oneof(fc.constantFrom(...Object.keys(stockTarget.entries), '__proto__'), fc.string()),
    fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.string({ maxLength: 20 })),
    { maxKeys: 4 },
  )
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    json.map(object => JSON.stringify(object)),
  )
  const headers = fc.dictionary(
    fc.constantFrom('Clustershark-Container', 'Clustershark-Nif', 'Clustershark-Filter'),
    value,
  )
  fc.assert(
    fc.property(fc.dictionary(names, value, { maxKeys: 4 }), headers, (query, given) => {
      try {
        wantedInterfaces(parse(query, given))
      } catch (error) {
        expect(error).toBeInstanceOf(RemoraError)
        expect((error as RemoraError).message.length).toBeLessThanOrEqual(300)
      }
    }),
    { numRuns: 10_000 },
  )
})

test('what is written is read again, by the query and by the headers', () => {
  const name = fc
    .string({ minLength: 1, maxLength: 20 })
    .filter(text => !/[/]/.test(text) && !['any', 'all'].includes(text))
  const containerSubject = fc.record({
    kind: fc.constant('container' as const),
    target: fc.record({
      name: fc.string({ unit: 'grapheme' }),
      type: fc.string(),
      netns: fc.nat(),
      'network-interfaces': fc.array(name),
      pid: fc.nat(),
      starttime: fc.nat(),
      prefix: fc.string(),
      'node-name': fc.string(),
    }),
  })
  const parameters = fc.record({
    subjects: fc.oneof(
      fc.tuple(fc.record({ kind: fc.constant('netns' as const), netns: fc.integer({ min: 1 }) })),
      fc.array(containerSubject, { minLength: 1, maxLength: 3 }).map(list => list as [StockSubject, ...StockSubject[]]),
    ),
    interfaces: fc.option(fc.array(name, { minLength: 1 }), { nil: undefined }),
    filter: fc.string().map(text => text.trim()),
    promiscuous: fc.boolean(),
    includeSelf: fc.boolean(),
  })
  fc.assert(
    fc.property(parameters, meant => {
      const { query, headers } = formatParameters(meant)
      expect(parse(query.toString())).toEqual(meant)
      expect(parse(query.toString(), headers)).toEqual(meant)
    }),
    { numRuns: 2_000 },
  )
})
