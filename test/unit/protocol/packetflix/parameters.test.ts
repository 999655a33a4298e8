import { describe, expect, test } from 'vitest'
import { parseParameters, wantedInterfaces } from '../../../../src/protocol/packetflix/parameters.ts'

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
