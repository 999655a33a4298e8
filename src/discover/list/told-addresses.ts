/**
 * Addresses that engines tell, as far as they are true. Anybody can run an engine, or ask one for any address, and a name
 * goes with it into the captures of others: so an address counts only where it is on an interface of the container's own
 * network namespace.
 */

import { canonicalAddress } from '../../base/ip.ts'
import { inPieces } from '../../base/pieces.ts'
import { readCgroupContainer } from '../../engine/cgroup.ts'
import type { Container, Engine, EngineAnswer } from '../../engine/engine.ts'
import { readLocalAddresses } from '../../linux/network/local-addresses.ts'
import { makePidTranslator } from '../../linux/process/pid-namespace.ts'
import { listProcesses, readNamespaceInode } from '../../linux/process/proc.ts'
import { hostPid, mayTellOf } from './container-namespace.ts'

/** Leaves containers those of their addresses that their network namespaces have. */
export async function withOwnAddresses(answers: readonly EngineAnswer[], signal: AbortSignal): Promise<EngineAnswer[]> {
  const told = answers.flatMap(({ engine, containers }) =>
    containers.flatMap(container => (container.addresses.length > 0 ? [{ engine, container }] : [])),
  )
  if (told.length === 0) return [...answers]
  const translate = makePidTranslator(signal)
  const byId = told.some(({ container }) => container.process === undefined) ? await findMembers(signal) : new Map()
  const addressesOf = makeLook()
  const own = new Map<Container, string[]>()
  for (const { engine, container } of told) {
    const { process, id, addresses } = container
    const pid = process === undefined ? byId.get(id) : await hostPid(engine, process.pid, translate)
    const there = addressesOf(engine, pid)
    own.set(
      container,
      addresses.filter(address => there.has(canonicalAddress(address) ?? '')),
    )
  }
  return answers.map(({ containers, ...answer }) => ({
    ...answer,
    containers: containers.map(container => ({ ...container, addresses: own.get(container) ?? [] })),
  }))
}

/** A process of each container that has a network namespace of its own, by the id that its control group tells. */
async function findMembers(signal: AbortSignal): Promise<Map<string, number>> {
  const host = readNamespaceInode('self', 'net')
  const members = new Map<string, number>()
  const note = (pid: number) => {
    const netns = readNamespaceInode(pid, 'net')
    // A plain user does not see whose namespace it is, but what is in it.
    const id = netns !== undefined && netns === host ? undefined : readCgroupContainer(pid)?.id
    if (id !== undefined && !members.has(id)) members.set(id, pid)
  }
  await inPieces(listProcesses(), note, signal)
  return members
}

const nowhere: ReadonlySet<string> = new Set()

/** Looks at the addresses of processes, once for each namespace. */
function makeLook(): (engine: Engine, pid: number | undefined) => ReadonlySet<string> {
  const known = new Map<number, ReadonlySet<string>>()
  return (engine, pid) => {
    if (pid === undefined || pid === 0 || !mayTellOf(engine, pid)) return nowhere
    const place = readNamespaceInode(pid, 'net') ?? -pid
    const addresses = known.get(place) ?? readLocalAddresses(pid)
    known.set(place, addresses)
    return addresses
  }
}
