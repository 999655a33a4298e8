/** Names that engines tell for addresses: of the containers that have them, and of nobody else. */
import { randomBytes } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { gatherNames } from '../../src/discover/resolve/names.ts'
import { readCommand } from '../../src/linux/process/proc.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { type FakeContainer, type FakeEngine, startFakeEngine } from '../helpers/fake-engine.ts'

/** Nobody's on this machine. */
const user = 64_001
const asUser = ['setpriv', '--reuid', String(user), '--regid', String(user), '--clear-groups', '--']
const unique = randomBytes(4).toString('hex')
const container = (name: string, pid: number, address: string): FakeContainer => ({
  ...{ id: randomBytes(32).toString('hex'), name: `rt-${unique}-${name}`, pid, address },
})

const running: Running[] = []
const engines: FakeEngine[] = []
afterAll(async () => {
  for (const engine of engines) await engine.close()
  for (const { child } of running) await end(child)
})

/** A process that sleeps in a network namespace with addresses. */
async function sleeper(enter: readonly string[], addresses: readonly string[]): Promise<number> {
  const commands = [
    'ip link set lo up',
    ...addresses.map(address => `ip addr add ${address} dev lo nodad`),
    'exec sleep 300',
  ]
  const started = start([...enter, 'sh', '-c', commands.join(' && ')], {}, 300_000)
  running.push(started)
  await until('it sleeps', () => readCommand(started.pid) === 'sleep')
  return started.pid
}

test('an address is named after the container that has it, by whoever has the most authority', async () => {
  const web = await sleeper(['unshare', '-n'], ['10.213.1.2/32', 'fd13::2/128'])
  const own = await sleeper([...asUser, 'unshare', '-Urn'], ['10.213.1.2/32', '10.213.5.5/32'])
  const options = { command: 'podman' }
  engines.push(
    await startFakeEngine(
      [
        container('payroll', own, '10.213.1.2'),
        container('web', own, '10.213.5.5'),
        container('stolen', web, 'fd13::2'),
      ],
      { ...options, enter: asUser, user },
    ),
    await startFakeEngine(
      [
        container('web', web, '10.213.1.2'),
        container('six', web, 'FD13:0:0::2'),
        container('ghost', web, '10.213.9.9'),
        container('gone', 0, '10.213.1.2'),
      ],
      options,
    ),
  )
  // It is asked with a short deadline, which a busy machine may not keep: then once more.
  let found: string[] = []
  await until('both engines have answered', async () => {
    const names = await gatherNames({ signal: AbortSignal.timeout(10_000), env: {} })
    found = names.flatMap(({ address, name }) => (name.includes(unique) ? `${address} ${name.slice(12)}` : []))
    return found.length >= 3
  })
  expect(found).toEqual(['FD13:0:0::2 six', '10.213.1.2 web', '10.213.1.2 payroll'])
})
