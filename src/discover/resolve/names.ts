/**
 * Names of addresses, for the name resolution blocks of a capture: what the engines call their containers, what this host is
 * called, what a target has in its hosts file (hosts(5)), and its gateways. Of several names of one address the best comes
 * first: that of the host, of the container or pod, its compose service, the target's own hosts file, the gateway.
 *
 * A hosts file and a label are whatever somebody wrote: only what could be the name of a host is taken, and not too much. A
 * name that somebody with more authority has for another address is nobody else's.
 */
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { canonicalAddress, isLinkLocal, isWithin, parsePrefix } from '../../base/ip.ts'
import type { Container, Engine, EngineAnswer } from '../../engine/engine.ts'
import { tellsOfHost } from '../../engine/engines.ts'
import { readHosts } from '../../linux/host/dns.ts'
import { isStillThere, type NetworkNamespace } from '../../linux/namespace/netns.ts'
import { readProcessRoutes } from '../../linux/network/routes.ts'
import { scopes } from '../../model/address.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import { isDefault, type Route } from '../../model/route.ts'
import type { TargetType } from '../../model/target.ts'
import { composeService, qualifiedName } from '../../reference/grammar/containers.ts'
import { askHost } from '../list/ask.ts'
import { withOwnAddresses } from '../list/told-addresses.ts'

/** A name of an address. */
export interface HostName {
  /** IPv4 or IPv6, as text. */
  readonly address: string
  readonly name: string
}

/** What a look for names takes. */
export interface NamesOptions {
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
}

/** Milliseconds an engine has when only names depend on it. */
const patience = 300
/** Names taken from one hosts file, and addresses of this host. */
const most = 1_000

/** Names of the containers of all engines, and of this host. An engine that fails costs its part. */
export async function gatherNames({ signal, env }: NamesOptions): Promise<HostName[]> {
  const answers = await askHost(patience, signal, env, { addresses: true })
  return [...hostNames(), ...engineNames(await withOwnAddresses(answers, signal))]
}

/**
 * Names of the containers of all engines that answered.
 * @param answers with addresses that are true, as of {@link withOwnAddresses}
 * @param owner engine of the target: engines that do not know of each other give the same addresses, and its ones count
 */
export function engineNames(answers: readonly EngineAnswer[], owner?: Engine): HostName[] {
  const sorted = answers.toSorted((a, b) => Number(b.engine === owner) - Number(a.engine === owner))
  const namesOf = (some: readonly EngineAnswer[]) => {
    const containers = some.flatMap(answer => answer.containers)
    return [...containers.flatMap(own => named(own, [ownName(own)])), ...containers.flatMap(serviceNames)]
  }
  const [ofHost, others] = [true, false].map(wanted => sorted.filter(({ engine }) => tellsOfHost(engine) === wanted))
  const taken = namesOf(ofHost ?? [])
  const uncontested = withoutContested(namesOf(others ?? []), [...taken, ...hostNames()])
  return owner !== undefined && !tellsOfHost(owner) ? [...uncontested, ...taken] : [...taken, ...uncontested]
}

/** Those names that are not known for other addresses already. */
export function withoutContested(names: readonly HostName[], known: readonly HostName[]): HostName[] {
  const byName = Map.groupBy(known, ({ name }) => name)
  return names.filter(({ address, name }) => {
    const taken = byName.get(name)
    return taken === undefined || taken.some(other => other.address === address)
  })
}

function ownName({ prefix, name, pod }: Container): string {
  return qualifiedName({ prefix, name: pod?.name ?? name })
}

/** `service` and `project/service`. */
function serviceNames(container: Container): HostName[] {
  const { service, project } = composeService(container) ?? {}
  if (service === undefined || !isHostName(service)) return []
  const { prefix } = container
  const whole = project !== undefined && isHostName(project) ? [`${project}/${service}`] : []
  return named(
    container,
    [service, ...whole].map(name => qualifiedName({ prefix, name })),
  )
}

function named({ addresses }: Pick<Container, 'addresses'>, names: readonly string[]): HostName[] {
  return addresses.flatMap(address => names.map(name => ({ address, name })))
}

/** Interfaces of this host; none when there is no descriptor to ask the kernel with. */
function ownInterfaces(): NodeJS.Dict<NetworkInterfaceInfo[]> {
  try {
    return networkInterfaces()
  } catch {
    return {}
  }
}

/** The name of this host for its own addresses; loopback, and those that are unique on one link only, are everybody's. */
export function hostNames(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = ownInterfaces()): HostName[] {
  const addresses = Object.values(interfaces)
    .flatMap(found => found ?? [])
    .filter(({ internal, address }) => !internal && !isLinkLocal(address))
  return addresses.slice(0, most).map(({ address }) => ({ address, name: hostname() }))
}

/** The name of a target for the addresses of its interfaces, but those of this host: also where no engine tells of them. */
export function interfaceNames(
  { name, type }: { readonly name: string; readonly type: TargetType },
  interfaces: readonly NetworkInterface[],
  host: readonly HostName[] = hostNames(),
): HostName[] {
  // The host has its name already, and a mount is called by its path.
  if (type === 'host' || type === 'bindmount') return []
  const ofHost = new Set(host.map(({ address }) => address))
  return interfaces.flatMap(nif =>
    nif.addresses.flatMap(({ address, scope }) =>
      scope === scopes.global && !ofHost.has(address) ? { address, name } : [],
    ),
  )
}

/**
 * Names that hold for one target: those of its hosts file, and its gateways, as far as a process of it shows them; the
 * gateways of a namespace without one are {@link gatewayNames} of its routes. Whatever cannot be read is left out.
 */
export function targetNames({ namespace }: { readonly namespace: NetworkNamespace }, proc = '/proc'): HostName[] {
  const pid = namespace.process?.pid
  if (pid === undefined) return []
  const names = [...namesOfHosts(readHosts(pid, proc)), ...gatewayNames(readProcessRoutes(namespace, proc))]
  // Its number may be another's by now.
  return isStillThere(namespace) ? names : []
}

/** Lines of loopback, of every listener, and of addresses that mean none, as a list of advertisers has them, name nobody. */
export function namesOfHosts(hosts: readonly HostName[]): HostName[] {
  const found: HostName[] = []
  for (const { address: text, name } of hosts) {
    if (found.length === most) break
    const address = isHostName(name) ? canonicalAddress(text) : undefined
    if (address !== undefined && !isWithin(address, ...nobody)) found.push({ address, name })
  }
  return found
}

/** `::` and `::1`, and what Docker writes as fe00::0, ff00::0, ff02::1. */
const nobody = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'fe00::/16', 'ff00::/8'].flatMap(
  text => parsePrefix(text) ?? [],
)

/** Default routes lead to a gateway; where that is this host it has the name of the host too. */
export function gatewayNames(
  routes: readonly Route[],
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = ownInterfaces(),
): HostName[] {
  const gateways = routes.flatMap(route => (isDefault(route) && route.nextHop !== '' ? route.nextHop : []))
  const own = new Set(Object.values(interfaces).flatMap(found => (found ?? []).map(({ address }) => address)))
  return [...new Set(gateways)].flatMap(address => [
    ...(own.has(address) ? [{ address, name: hostname() }] : []),
    { address, name: 'gateway' },
  ])
}

/** Letters, digits, hyphens and periods (hosts(5)), and the underscore that many use. */
function isHostName(name: string): boolean {
  return /^[A-Za-z0-9_][\w.-]{0,252}$/.test(name)
}
