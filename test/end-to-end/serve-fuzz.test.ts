/**
 * Tens of thousands of generated requests over real connections: whatever is asked for, the answer is one that was meant,
 * nothing is started, and the service is as large afterwards as before. Parsers alone are tried in test/unit.
 */
import { Agent, request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../helpers/command.ts'
import { seed } from '../helpers/seed.ts'
import { captures, type ServiceUnderTest, serve } from '../helpers/service.ts'

const requests = 20_000
const connections = 16

let service: ServiceUnderTest
beforeAll(async () => {
  service = await serve()
})
afterAll(() => service?.close())

interface Generated {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

const text = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 30 }))
const hostile = fc.constantFrom(
  ...[
    '-',
    '/etc/passwd',
    'TCP@1.2.3.4',
    'rpcap://x/eth0',
    '../../x',
    '$(id)',
    '`id`',
    '\0',
    '\r\nX: y',
    '%00',
    '%2e%2e',
  ],
  ...[
    '__proto__',
    'constructor',
    'tcp) or (udp',
    '-w /tmp/x',
    'A'.repeat(3_000),
    '\ud800',
    '🦈',
    '{}',
    '[]',
    'null',
    '1e999',
  ],
)
const word = fc.oneof(text, hostile)

/** References of kinds whose absence is found out without starting a program. */
const target = fc.oneof(
  word,
  fc
    .tuple(fc.constantFrom('pid', 'netns', 'named', 'file', 'nothing'), word)
    .map(([scheme, value]) => `${scheme}:${value}`),
  fc.nat().map(number => `netns:${number + 5_000_000_000}`),
)
const body = fc.oneof(
  { weight: 3, arbitrary: fc.record({ target, filter: word, interfaces: fc.array(word, { maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.dictionary(word, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }) },
  {
    weight: 1,
    arbitrary: fc.record({
      target,
      stop: fc.jsonValue({ maxDepth: 1 }),
      snaplen: fc.jsonValue({ maxDepth: 0 }),
      wait: fc.jsonValue({ maxDepth: 1 }),
    }),
  },
)

const path = fc.oneof(
  fc.constantFrom('/version', '/healthz', '/openapi.json', '/v1/captures', '/capture', '/page.css', '/nowhere'),
  word.map(value => `/v1/capture/${encodeURIComponent(value.toWellFormed())}.pcapng`),
  word.map(value => `/v1/captures/${encodeURIComponent(value.toWellFormed())}`),
  word.map(value => `/${value.replace(/[^\x21-\x7e]/g, '%')}`),
  fc.dictionary(fc.constantFrom('container', 'nif', 'filter', 'token', 'netns'), word).map(query => {
    const wellFormed = Object.entries(query).map(([name, value]): [string, string] => [name, value.toWellFormed()])
    return `/capture?${new URLSearchParams(wellFormed)}`
  }),
)

const headerValue = word.map(value => value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?'))
const headers = fc.dictionary(
  fc.constantFrom(
    'host',
    'origin',
    'authorization',
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-host',
    'accept',
    'range',
    'cookie',
  ),
  headerValue,
  { maxKeys: 2 },
)

const asked: fc.Arbitrary<Generated> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      method: fc.constant('POST'),
      path: fc.constant('/v1/captures'),
      headers: fc.constant({ 'content-type': 'application/json' }),
      body: fc.oneof(
        body.map(value => JSON.stringify(value)),
        text,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
      path,
      headers,
      body: fc.constant(''),
    }),
  },
)

function send(agent: Agent, { method, path, headers, body }: Generated): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, port: service.port, method, path, headers }, answer => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
      answer.once('error', reject)
    })
    outgoing.once('error', reject)
    outgoing.end(method === 'GET' || method === 'HEAD' ? undefined : body)
  })
}

async function fire(cases: readonly Generated[], agent: Agent): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let one = cases[next++]; one !== undefined; one = cases[next++]) {
      const status = await send(agent, one).catch(error => error as Error)
      expect([200, 201, 204, 400, 403, 404, 409, 410, 426, 429], `${status} for ${JSON.stringify(one)}`).toContain(
        status,
      )
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
}

test('they are answered, and leave nothing', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const rounds = 8
  const round = (number: number) => fc.sample(asked, { numRuns: requests / rounds, seed: seed + number })
  try {
    await fire(round(0), agent)
    const before = { memory: service.memory(), descriptors: service.descriptors() }
    for (let number = 1; number < rounds; number++) await fire(round(number), agent)
    expect(await captures(service)).toEqual([])
    agent.destroy()
    await until('no process is left', () => service.children().length === 0)
    await until('no descriptor is left', () => service.descriptors() <= before.descriptors + 3, 15_000)
    expect(service.memory() - before.memory).toBeLessThan(64)
    expect(service.temporary()).toEqual([])
    expect(
      service.log().filter(({ level }) => level === 50),
      `REMORA_SEED=${seed}`,
    ).toEqual([])
  } finally {
    agent.destroy()
  }
})
