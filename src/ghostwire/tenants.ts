/**
 * The `containers` and `container-groups` of a namespace. A container here is any tenant: also the process that speaks
 * for a namespace, and the mount that keeps an empty one alive. A pod is a group of containers.
 */

import type { EngineFacts } from '../model/host.ts'
import type { Dns, ProcessFacts } from '../model/process.ts'
import type { ContainerFacts, Target, TargetType } from '../model/target.ts'
import { qualifiedName, withAnnotations } from '../reference/grammar/containers.ts'
import { ghostwireType, typeText } from './engine-types.ts'
import { mountId, pidnsId, tenantId } from './ids.ts'
import { tenantName } from './mobyshark.ts'
import { compareText } from './order.ts'

/** Who lives in a network namespace. */
export interface Tenant {
  readonly id: string
  readonly name: string
  readonly type: TargetType
  readonly prefix: string
  readonly pid: number
  /** The pod it belongs to. */
  readonly pod: Target | undefined
  readonly container: ContainerFacts | undefined
}

/** The tenants of a namespace, in the order of their processes. */
export function tenantsOf(targets: readonly Target[], commandOf: (pid: number) => string): Tenant[] {
  return targets
    .flatMap((target): Tenant[] => {
      const { name, type, prefix, pid, container, members, netns } = target
      if (members !== undefined) {
        return members.map(member => {
          const of = { name: member.name, type: member.engine, prefix, pid: member.pid }
          return { ...of, id: tenantId(member.pid, member), pod: target, container: member }
        })
      }
      if (type === 'bindmount') return [{ id: mountId(netns), name, type, prefix, pid, pod: undefined, container }]
      return [
        {
          id: tenantId(pid, container),
          name: tenantName(target, commandOf),
          type,
          prefix,
          pid,
          pod: undefined,
          container,
        },
      ]
    })
    .sort((a, b) => a.pid - b.pid || compareText(a.id, b.id) || compareText(a.name, b.name))
}

/** Pods among tenants, each with its containers, in the order of the first of those. */
export function podsOf(tenants: readonly Tenant[]): [pod: Target, members: Tenant[]][] {
  return [...Map.groupBy(tenants, ({ pod }) => pod)].flatMap(([pod, members]) =>
    pod === undefined ? [] : [[pod, members]],
  )
}

/** The group of a pod. */
export function groupJson(id: string, pod: Target, members: readonly Tenant[]) {
  const idrefs = members.map(tenant => tenant.id)
  return { id, name: qualifiedName(pod), type: 'pod', 'type-text': 'Pod', 'container-idrefs': idrefs }
}

/** One tenant. */
export function tenantJson(
  tenant: Tenant,
  group: string,
  facts: ProcessFacts | undefined,
  engines: readonly EngineFacts[],
) {
  const { id, name, prefix, type, pid, container } = tenant
  const labels = Object.entries(withAnnotations(container ?? {})).sort(([a], [b]) => compareText(a, b))
  return {
    id,
    name,
    prefix,
    type: ghostwireType(type),
    'type-text': typeText(type),
    group,
    pid,
    pidns: facts?.pidns ?? 0,
    'pidns-idref': facts === undefined || facts.pidns === 0 ? '' : pidnsId(facts.pidns),
    status: type === 'bindmount' ? '' : (container?.state ?? 'running'),
    cmdline: facts?.args.join(' ') ?? '',
    'api-path': apiPath(container?.socket ?? '', engines),
    ...(container && { labels: Object.fromEntries(labels) }),
    ...(facts && facts.capabilities !== '' && { capbnd: capabilityText(facts.capabilities) }),
    ...(facts && {
      affinity: facts.affinity,
      policy: facts.policy,
      priority: facts.priority,
      nice: facts.nice,
    }),
    dns: dnsJson(facts?.dns),
  }
}

/** The URL of an engine's socket, as it is reached through the root of the engine's process. */
function apiPath(socket: string, engines: readonly EngineFacts[]): string {
  if (socket === '') return ''
  const pid = engines.find(engine => engine.socket === socket)?.pid ?? 0
  return pid === 0 || /^\/proc\/\d+\/root\//.test(socket) ? `unix://${socket}` : `unix:///proc/${pid}/root${socket}`
}

function capabilityText(digits: string): string {
  return /^0*$/.test(digits) ? '0x0' : `0x${digits.padStart(16, '0')}`
}

function dnsJson(dns: Dns | undefined) {
  return {
    'uts-hostname': dns?.utsHostname ?? '',
    'etc-hostname': dns?.etcHostname ?? '',
    domainname: dns?.domain ?? '',
    nameservers: dns?.nameservers ?? [],
    searchlist: dns?.search ?? [],
    'etc-hosts': dns?.hosts ?? [],
  }
}
