/** What Packetflix clients send: parameters in query and headers, targets as JSON, and URLs of both. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { withoutSecrets } from '../../src/base/redact.ts'
import {
  formatParameters,
  parseParameters,
  parseTarget,
  type StockParameters,
  type StockSubject,
  wantedInterfaces,
} from '../../src/protocol/packetflix/parameters.ts'
import { type StockTarget, stockTarget, stockTargetJson } from '../../src/protocol/packetflix/target.ts'
import { parsePacketflixUrl } from '../../src/protocol/packetflix/url.ts'
import { parseNote } from '../../src/protocol/v1/notes.ts'
import { randomFrom } from '../helpers/random.ts'
import { mutateJson, mutateText } from './mutate.ts'
import { type FuzzTarget, target, unlessRefused } from './target.ts'
import { anyText, record, wellFormedText } from './text.ts'

const nif = wellFormedText.map(name =>
  name
    .replaceAll('/', '')
    .replace(/^(?:any|all|)$/, 'eth0')
    .slice(0, 64),
)
const stock: fc.Arbitrary<StockTarget> = record({
  name: anyText,
  type: fc.constantFrom('docker', 'pod', 'proc', 'bindmount', ''),
  netns: fc.nat(),
  'network-interfaces': fc.array(nif, { maxLength: 3 }),
  pid: fc.nat(),
  starttime: fc.nat(),
  prefix: anyText,
  'node-name': anyText,
  cluster: fc.option(record({ context: anyText, uid: anyText })),
})
const container = record({ kind: fc.constant('container' as const), target: stock })
const netns = record({ kind: fc.constant('netns' as const), netns: fc.integer({ min: 1 }) })
const parameters: fc.Arbitrary<StockParameters> = record({
  subjects: fc.oneof(
    fc.array(netns, { minLength: 1, maxLength: 3 }).map(list => list as [StockSubject, ...StockSubject[]]),
    fc.array(container, { minLength: 1, maxLength: 2 }).map(list => list as [StockSubject, ...StockSubject[]]),
  ),
  interfaces: fc.option(fc.array(nif, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  filter: wellFormedText.map(text => text.trim()),
  promiscuous: fc.boolean(),
  includeSelf: fc.boolean(),
})

function parse(query: string, headers: Readonly<Record<string, string>> = {}): StockParameters {
  return parseParameters(new URLSearchParams(query), name => headers[name])
}

const meant = target('parameters that were meant', 40_000, parameters, asked => {
  const { query, headers } = formatParameters(asked)
  assert.deepEqual(parse(query.toString()), asked)
  assert.deepEqual(parse(query.toString(), headers), asked)
  for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]*$/)
  const url = parsePacketflixUrl(`packetflix:ws://server:1/edge/capture?${query}`)
  assert.deepEqual(url, { kind: 'capture', base: 'http://server:1/edge', token: undefined, parameters: asked })
})

const nameOfParameter = fc.constantFrom('container', 'netns', 'nif', 'filter', 'chaste', 'include-self', 'token')
const json = fc
  .tuple(stock, fc.integer(), fc.nat(3))
  .map(([one, seed, times]) => mutateJson(stockTargetJson(one), times, randomFrom(seed)))
const value = fc.oneof(wellFormedText, json, fc.constantFrom('1', '4026532281', 'any', 'lo/eth0'))
const headers = fc.dictionary(
  fc.constantFrom('Clustershark-Container', 'Clustershark-Nif', 'Clustershark-Filter', 'Clustershark-Chaste'),
  value,
  { maxKeys: 2 },
)
const query = fc
  .array(fc.tuple(nameOfParameter, value), { maxLength: 4 })
  .map(pairs => new URLSearchParams(pairs.map(([name, text]): [string, string] => [name, text])).toString())

const anything = target('parameters of any kind', 60_000, fc.tuple(query, headers), ([asked, given]) => {
  const found = unlessRefused(() => parse(asked, given), 'USAGE')
  if (found === undefined) return
  assert.ok(found.subjects.length <= 64)
  assert.ok(wantedInterfaces(found).every(name => name !== 'any' && name !== 'all'))
  assert.equal(JSON.stringify(parse(formatParameters(found).query.toString())), JSON.stringify(found))
})

const descriptions = fc.oneof(
  json,
  fc.tuple(json, fc.integer()).map(([text, seed]) => mutateText(text, randomFrom(seed))),
)

const targets = target('target descriptions', 60_000, descriptions, text => {
  const found = unlessRefused(() => parseTarget(text), 'USAGE')
  if (found === undefined) return
  assert.deepEqual(Object.keys(found), Object.keys(stockTarget.entries))
  // As JSON, which knows no negative zero.
  assert.equal(JSON.stringify(parseTarget(stockTargetJson(found))), JSON.stringify(found))
  for (const number of [found.netns, found.pid, found.starttime]) assert.ok(Number.isSafeInteger(number) && number >= 0)
})

const secret = 's3cret-of-nobody'
const piece = fc.constantFrom(
  ...['packetflix:', 'ws://', 'wss://', '//', 'host', ':5001', ':', '@', '%', '%e4', '/', '/capture', '?', '&netns=1'],
  ...[
    `:${secret}@`,
    `token=${secret}`,
    secret,
    '?netns=1',
    'container=',
    '{}',
    '[',
    ']',
    '::1',
    '/v1/capture/',
    '&token=',
    'u:p@',
    '..',
    '\\',
    '#',
    ' ',
  ],
)
const clicked = fc
  .tuple(
    fc.constantFrom('', 'packetflix:', 'packetflix:ws://', 'packetflix:ws://h/capture?netns=7&'),
    fc.array(fc.oneof({ weight: 4, arbitrary: piece }, anyText), { maxLength: 10 }),
  )
  .map(([start, pieces]) => start + pieces.join(''))

const urls = target('URLs of any kind', 60_000, clicked, text => {
  const url = unlessRefused(() => parsePacketflixUrl(text), 'USAGE')
  if (url === undefined) return
  assert.match(url.base, /^https?:\/\/[^/]/)
  assert.doesNotMatch(url.base, /\/$|[?#]/)
  if (url.kind === 'ticket') assert.match(url.path, /^\/v1\/capture\/[^/]+$/)
  const isOnce = text.split(secret).length === 2
  if (url.token === secret && isOnce) assert.ok(!withoutSecrets(text).includes(secret), withoutSecrets(text))
})

const notes = fc.oneof(
  anyText,
  fc.tuple(fc.integer(), fc.nat(4)).map(([seed, times]) => mutateJson(report, times, randomFrom(seed))),
)
const report = JSON.stringify({
  ...{ note: 'report', reference: 'docker:web', end: 'target-gone', complete: true, goneInterface: 'eth0' },
  ...{ interfaces: [{ name: 'eth0', received: 3, dropped: 0 }], packets: 3, dropped: 0, seconds: 1.5, lives: 2 },
})

const noteFrames = target('notes', 30_000, notes, text => {
  const note = parseNote(text)
  if (note !== undefined) assert.deepEqual(parseNote(JSON.stringify(note)), note)
})

export const packetflixTargets: readonly FuzzTarget[] = [meant, anything, targets, urls, noteFrames]
