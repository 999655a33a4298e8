/**
 * What is known about a target when its capture begins, for the context in the section comment. A capture is never late for
 * it: what lies in /proc is read at once, what needs a process has a deadline, and a fact that cannot be had is left out.
 */
import { hostname, release } from 'node:os'
import { abortAfter } from '../../base/abort.ts'
import { version } from '../../base/version.ts'
import { readResolver } from '../../linux/host/dns.ts'
import { isStillThere } from '../../linux/namespace/netns.ts'
import { readOffloads } from '../../linux/network/offloads.ts'
import { readProcessRoutes } from '../../linux/network/routes.ts'
import type { CaptureContextFacts, InterfaceContext, TargetContext } from '../../metadata/context.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import { type Route, routeText } from '../../model/route.ts'
import { withAnnotations } from '../../reference/grammar/containers.ts'
import type { ResolvedTarget } from './resolve.ts'

/** What goes into the context beside the target itself. */
export interface ContextOptions {
  readonly signal: AbortSignal
  /** Ask ethtool which offloads are on; a process for each interface. */
  readonly offloads?: boolean
  /** The capture filter in effect on an interface. */
  readonly filterOf?: (name: string) => string | undefined
  /** Routes that were read already (linux/network/network); those of a namespace without a process are left out else. */
  readonly routes?: readonly Route[]
}

/** Milliseconds for everything that is not there at once. */
const patience = 300
const mostRoutes = 200

/** The context of a whole capture. */
export function captureFacts(
  targets: readonly TargetContext[],
  { dumpcap, now = new Date() }: { readonly dumpcap?: string | undefined; readonly now?: Date } = {},
): CaptureContextFacts {
  return {
    remora: version,
    dumpcap,
    capturedAt: now.toISOString(),
    host: { name: hostname(), kernel: release() },
    targets,
  }
}

/** Gathers the facts about one target, whose namespace is open and stays so; never rejects. */
export async function gatherContext(
  target: Omit<ResolvedTarget, 'names'>,
  interfaces: readonly NetworkInterface[],
  { signal, offloads = false, filterOf, routes = readProcessRoutes(target.namespace) }: ContextOptions,
): Promise<TargetContext> {
  const { namespace, container, members } = target
  const names = interfaces.map(({ name }) => name)
  const features = offloads
    ? await readOffloads(namespace, names, withDeadline(signal)).catch(() => undefined)
    : undefined
  const pid = namespace.process?.pid
  const resolver = pid === undefined ? undefined : readResolver(pid)
  // A pod is known by its sandbox; the image of that says nothing.
  const known = container ?? members?.[0]
  return {
    reference: target.reference,
    name: target.name,
    type: target.type,
    engine: known?.engine,
    image: container?.image,
    id: known?.id,
    labels: known && withAnnotations(known),
    netns: namespace.inode,
    incarnation: {
      ...namespace.process,
      startedAt: container?.startedAt,
      restarts: container?.restarts,
    },
    interfaces: interfaces.map(nif => interfaceContext(nif, features?.get(nif.name), filterOf?.(nif.name))),
    routes: routes.slice(0, mostRoutes).map(routeText),
    resolver: isStillThere(namespace) ? resolver : undefined,
  }
}

function withDeadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, abortAfter(patience)])
}

function interfaceContext(
  { name, index, mac, mtu, addresses, operstate, lower }: NetworkInterface,
  offloads: readonly string[] | undefined,
  filter: string | undefined,
): InterfaceContext {
  return {
    name,
    index,
    mac,
    mtu,
    addresses: addresses.map(({ address }) => address),
    state: operstate,
    peerIndex: lower?.index,
    offloads,
    filter,
  }
}
