/** The whole network topology of this host as the document of Ghostwire's `GET /json`. */
import { abortAfter } from '../../base/abort.ts'
import { inPieces } from '../../base/pieces.ts'
import { readCgroupContainer } from '../../engine/cgroup.ts'
import { type ContainedProcess, scanContained } from '../../engine/processes.ts'
import { ghostwireDocument } from '../../ghostwire/document.ts'
import { type DnsFiles, readDnsOfMany } from '../../linux/host/dns.ts'
import { readHostnames } from '../../linux/host/hostnames.ts'
import { readProxies } from '../../linux/network/forwards.ts'
import { readServices } from '../../linux/network/services.ts'
import type { TableSocket } from '../../linux/network/sockets-table.ts'
import { readHolders } from '../../linux/process/descriptors.ts'
import { readProcessFacts } from '../../linux/process/facts.ts'
import { readPidNamespaces } from '../../linux/process/pid-tree.ts'
import { withNetworks } from '../../model/engine-network.ts'
import type { HostFacts, HostSnapshot, NamespaceIds } from '../../model/host.ts'
import type { ProcessFacts } from '../../model/process.ts'
import type { Target } from '../../model/target.ts'
import { engineTimeout } from './ask.ts'
import { discover } from './discover.ts'
import { type Answer, type DocumentOptions, hostFacts } from './mobyshark.ts'
import { networksByNamespace } from './networks.ts'
import { readIds, readSocketsOf, readStacks, type SocketMemory, type Stack } from './stacks.ts'
import { type Discovery, withResidents } from './targets.ts'

/** Makes the document from a fresh look at the host. */
export async function ghostwire(options: DocumentOptions): Promise<Answer<ReturnType<typeof ghostwireDocument>>> {
  const { signal } = options
  const discovery = await discover({ ...options, interfaces: false, held: 'all' })
  const table = await scanContained(signal)
  const [facts, topology] = await Promise.all([hostFacts(discovery, options), readTopology(discovery, table, options)])
  const { document, warnings } = await ghostwireOf(topology, table, facts, signal)
  return { document, warnings: [...discovery.warnings, ...warnings] }
}

/** What engines and a look into every namespace tell, which takes a while; it holds as long as the targets do, for a time. */
export interface Topology {
  readonly targets: readonly Target[]
  readonly stacks: readonly Stack[]
  readonly ids: NamespaceIds
  readonly hostnames: ReadonlyMap<number, string>
  readonly dns: ReadonlyMap<number, DnsFiles>
  readonly sockets: SocketMemory
  readonly warnings: readonly string[]
}

/** Reads the topology of targets. */
export async function readTopology(
  discovery: Pick<Discovery, 'targets' | 'engines'>,
  table: readonly ContainedProcess[],
  { signal, timeout = engineTimeout }: DocumentOptions,
): Promise<Topology> {
  const targets = withResidents(discovery.targets, table)
  const limit = AbortSignal.any([signal, abortAfter(timeout)])
  const tenants = new Set(tenantsOf(targets))
  const [networks, hostnames, { stacks, sockets, warnings }, dns] = await Promise.all([
    networksByNamespace(discovery.engines, limit),
    readHostnames([...tenants], signal),
    readStacks(targets, signal),
    // While all others are waited for.
    readDnsOfMany(tenants, signal),
  ])
  const ids = await readIds(stacks, signal)
  const named = stacks.map(stack => ({
    ...stack,
    interfaces: withNetworks(stack.interfaces, networks.get(stack.netns) ?? []),
  }))
  return { targets, stacks: named, ids, hostnames, dns, sockets, warnings }
}

/** Makes the document of a topology that is known: what changes from moment to moment is read anew. */
export async function ghostwireOf(
  topology: Topology,
  table: readonly ContainedProcess[],
  facts: HostFacts,
  signal: AbortSignal,
): Promise<Answer<ReturnType<typeof ghostwireDocument>>> {
  const { ids, stacks } = topology
  const { sockets, warnings } = await readSocketsOf(stacks, signal, topology.sockets)
  const tenants = await readTenants(topology, sockets, table, signal)
  const host = { ...facts, created: new Date() }
  const document = ghostwireDocument({ host, ids, services: readServices(), ...tenants })
  return { document, warnings: [...topology.warnings, ...warnings] }
}

const tenantsOf = (targets: readonly Target[]) =>
  targets.flatMap(({ pid, members = [] }) => [pid, ...members.map(member => member.pid)])

/** Fills in who holds the sockets, and what is known of all processes that are named. */
async function readTenants(
  { targets, stacks, hostnames, dns }: Topology,
  sockets: ReadonlyMap<number, readonly TableSocket[]>,
  table: readonly ContainedProcess[],
  signal: AbortSignal,
): Promise<Pick<HostSnapshot, 'namespaces' | 'processes' | 'pidNamespaces'>> {
  const holders = await readHolders(signal)
  const proxies = readProxies(table)
  const namespaces = stacks.map(({ forwards, ...stack }) => ({
    ...stack,
    forwards: [...forwards, ...(proxies.get(stack.netns) ?? [])],
    sockets: (sockets.get(stack.netns) ?? []).map(({ inode, ...socket }) => ({
      ...socket,
      owners: holders.sockets.get(inode) ?? [],
    })),
  }))
  const tenants = new Set(tenantsOf(targets))
  const owners = namespaces.flatMap(stack => stack.sockets.flatMap(socket => socket.owners))
  const named = new Set([...tenants, ...owners, ...holders.taps.keys()])
  named.delete(0)
  const factsOf = (pid: number): [number, ProcessFacts] => {
    const known = { ...noDns, utsHostname: hostnames.get(pid) ?? '', ...dns.get(pid) }
    const container = readCgroupContainer(pid)?.id ?? ''
    return [pid, { ...readProcessFacts(pid), container, dns: known, taps: holders.taps.get(pid) ?? [] }]
  }
  const processes = new Map(await inPieces(named, factsOf, signal))
  return { namespaces, processes, pidNamespaces: await readPidNamespaces(table, signal) }
}

/** Owners of sockets are named, but are no tenants whose files are shown. */
const noDns = { utsHostname: '', etcHostname: '', domain: '', nameservers: [], search: [], hosts: [] }
