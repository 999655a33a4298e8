/** Names in a capture as Wireshark shows them, with a real engine: containers, services, hosts files, gateways. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveTarget } from '../../src/discover/resolve/resolve.ts'
import { watchNames } from '../../src/discover/watch/watch-names.ts'
import { until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { shownNames, wiresharks } from '../helpers/wireshark.ts'

let engine: Docker
let env: NodeJS.ProcessEnv
const compose = (project: string, service: string) => [
  ...['--label', `com.docker.compose.project=${project}`],
  ...['--label', `com.docker.compose.service=${service}`],
]
beforeAll(async () => {
  engine = await startDocker()
  env = { DOCKER_HOST: engine.env.DOCKER_HOST, HOME: '/nonexistent' }
  await engine.docker('network', 'create', '--subnet', '172.31.79.0/24', 'shop')
  const network = ['--network', 'shop']
  await engine.container('shop_web_1', [...network, '--ip', '172.31.79.10', ...compose('shop', 'web')])
  const others = ['--add-host', 'cache.test:172.31.79.77', ...compose('shop', 'db')]
  const pings = 'ping -i 0.2 172.31.79.1 & exec ping -i 0.2 172.31.79.10'
  await engine.container('shop_db_1', [...network, '--ip', '172.31.79.11', ...others], ['sh', '-c', pings])
})
afterAll(() => engine?.close())

const lines = (names: readonly { address: string; name: string }[]) =>
  names.map(({ address, name }) => `${address} ${name}`)

test('the name on show is the best one: of the container, not its service, its id or its part', async () => {
  const file = join(scratch(), 'names.pcapng')
  const args = ['capture', 'shop_db_1', '-w', file, '-f', 'icmp', '-a', 'packets:16']
  const { status, stderr } = await remora(args, { env })
  expect(status, stderr).toBe(0)
  const pairs = new Set(['shop_db_1 gateway', 'gateway shop_db_1', 'shop_db_1 shop_web_1', 'shop_web_1 shop_db_1'])
  for (const wireshark of wiresharks) expect(await shownNames(wireshark, file), wireshark.version).toEqual(pairs)
})

test('every name is there, the best first, and the container says since when it runs', async () => {
  const target = await resolveTarget('shop_db_1', { signal: AbortSignal.timeout(10_000), env })
  target.namespace.close()
  const found = lines(target.names).filter(line => line.startsWith('172.31.79.'))
  expect(found.slice(-3)).toEqual([
    '172.31.79.77 cache.test',
    expect.stringMatching(/^172\.31\.79\.11 [0-9a-f]{12}$/),
    '172.31.79.1 gateway',
  ])
  const names = (address: string) =>
    found.filter(line => line.startsWith(`${address} `)).map(line => line.split(' ')[1])
  expect(names('172.31.79.10')).toEqual(['shop_web_1', 'web', 'shop/web'])
  expect(names('172.31.79.11').slice(0, 3)).toEqual(['shop_db_1', 'db', 'shop/db'])
  const startedAt = (await engine.docker('inspect', '-f', '{{.State.StartedAt}}', 'shop_db_1')).slice(0, 19)
  expect(target.container).toMatchObject({ startedAt: `${startedAt}Z`, restarts: 0 })
})

test('a container that starts later is named', async () => {
  const target = await resolveTarget('shop_web_1', { signal: AbortSignal.timeout(10_000), env })
  target.namespace.close()
  const stop = new AbortController()
  const told: string[] = []
  watchNames({
    ...{ signal: stop.signal, env, known: target.names, targets: () => [target] },
    onChange: names => told.push(...lines(names).filter(line => line.startsWith('172.31.79.'))),
  })
  try {
    await engine.container('later', ['--network', 'shop', '--ip', '172.31.79.20'])
    await until('it is told', () => told.length > 0)
  } finally {
    stop.abort()
    await engine.docker('rm', '-f', 'later')
  }
  expect(told).toEqual(['172.31.79.20 later'])
})
