/** The whole network topology of this host as the document of Ghostwire's `GET /json`. */
import { ghostwireDocument } from '../ghostwire/document.ts'
import { labelBridges } from '../ghostwire/network-labels.ts'
import type { ProcessFacts, Snapshot } from '../ghostwire/snapshot.ts'
import { readDns } from '../linux/host/dns.ts'
import { readHostnames } from '../linux/host/hostnames.ts'
import { readProxies } from '../linux/network/forwards.ts'
import { readServices } from '../linux/network/services.ts'
import { readHolders } from '../linux/process/descriptors.ts'
import { readProcessFacts } from '../linux/process/facts.ts'
import { readPidNamespaces } from '../linux/process/pid-tree.ts'
import { type ProcessEntry, readProcessTable } from '../linux/process/table.ts'
import type { Target } from '../target/model.ts'
import { engineTimeout } from './ask.ts'
import { discover } from './discover.ts'
import { type Answer, type DocumentOptions, hostFacts } from './mobyshark.ts'
import { networksByNamespace } from './networks.ts'
import { readIds, readStacks, type Stack } from './stacks.ts'
import { withResidents } from './targets.ts'

/** Makes the document from a fresh look at the host. */
export async function ghostwire(options: DocumentOptions): Promise<Answer<ReturnType<typeof ghostwireDocument>>> {
  const { signal, timeout = engineTimeout } = options
  const discovery = await discover({ ...options, interfaces: false })
  const table = readProcessTable()
  const targets = withResidents(discovery.targets, table)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
  const [host, networks, { stacks, warnings }] = await Promise.all([
    hostFacts(discovery, options),
    networksByNamespace(discovery.engines, limit),
    readStacks(targets, signal),
  ])
  const ids = await readIds(stacks, signal)
  const labelled = stacks.map(stack => ({
    ...stack,
    links: labelBridges(stack.links, networks.get(stack.netns) ?? []),
  }))
  const snapshot = { host, ids, services: readServices(), ...(await readTenants(targets, labelled, table, signal)) }
  return { document: ghostwireDocument(snapshot), warnings: [...discovery.warnings, ...warnings] }
}

/** Fills in who holds the sockets, and what is known of all processes that are named. */
async function readTenants(
  targets: readonly Target[],
  stacks: readonly Stack[],
  table: readonly ProcessEntry[],
  signal: AbortSignal,
): Promise<Pick<Snapshot, 'namespaces' | 'processes' | 'pidNamespaces'>> {
  const holders = readHolders()
  const proxies = readProxies(table)
  const namespaces = stacks.map(({ sockets, forwards, ...stack }) => ({
    ...stack,
    forwards: [...forwards, ...(proxies.get(stack.netns) ?? [])],
    sockets: sockets.map(({ inode, ...socket }) => ({ ...socket, owners: holders.sockets.get(inode) ?? [] })),
  }))
  const tenants = targets.flatMap(({ pid, members = [] }) => [pid, ...members.map(member => member.pid)])
  const owners = namespaces.flatMap(({ sockets }) => sockets.flatMap(socket => socket.owners))
  const hostnames = await readHostnames([...new Set(tenants)], signal)
  const processes = new Map<number, ProcessFacts>()
  for (const pid of new Set([...tenants, ...owners, ...holders.taps.keys()])) {
    if (pid === 0) continue
    const dns = hostnames.has(pid) || tenants.includes(pid) ? readDns(pid, hostnames.get(pid) ?? '') : noDns
    processes.set(pid, { ...readProcessFacts(pid), dns, taps: holders.taps.get(pid) ?? [] })
  }
  return { namespaces, processes, pidNamespaces: readPidNamespaces(table) }
}

/** Owners of sockets are named, but are no tenants whose files are shown. */
const noDns = { utsHostname: '', etcHostname: '', domain: '', nameservers: [], search: [], hosts: [] }
