/**
 * Which packets a set of chains sends elsewhere: from the chains the kernel enters by itself along all jumps, noting what
 * was matched on the way, to each translation of the destination. So it does not matter who made the chains: Docker,
 * netavark, kube-proxy, CNI plugins, or an administrator.
 */
import { type Family, familyOf } from '../../base/ip.ts'
import type { Forward } from '../../model/forward.ts'

/** One rule, as far as it narrows down or translates destinations; what is undefined is not narrowed down. */
export interface NatRule {
  readonly family: Family | undefined
  readonly protocol: string | undefined
  /** A single address. */
  readonly address: string | undefined
  readonly ports: readonly number[] | undefined
  /** Chain that is entered. */
  readonly jump: string | undefined
  /** Where the packet is sent; without a port it keeps its own. */
  readonly to: { readonly address: string; readonly port: number | undefined } | undefined
}

/** The rules of one packet filter, chain by chain. */
export interface NatRules {
  /** Chains the kernel enters by itself. */
  readonly hooks: readonly string[]
  readonly chains: ReadonlyMap<string, readonly NatRule[]>
}

type Matched = Pick<NatRule, 'family' | 'protocol' | 'address' | 'ports'>

/** Rules that are looked at; a namespace of somebody else may hold chains without end. */
const maximumSteps = 200_000

/** Ports of one translation that are listed one by one. */
const maximumPorts = 1_024

/** Finds the translations that can be reached. */
export function forwardsOf({ hooks, chains }: NatRules): Forward[] {
  const found = new Map<string, Forward>()
  const seen = new Set<string>()
  const nothing: Matched = { family: undefined, protocol: undefined, address: undefined, ports: undefined }
  const pending = hooks.map(chain => ({ chain, matched: nothing }))
  for (let steps = 0; steps < maximumSteps; ) {
    const next = pending.pop()
    if (next === undefined) break
    const key = JSON.stringify(next)
    if (seen.has(key)) continue
    seen.add(key)
    const rules = chains.get(next.chain) ?? []
    steps += rules.length
    for (const { rule, matched } of reachable(rules, next.matched)) {
      for (const forward of translate(matched, rule)) found.set(JSON.stringify(forward), forward)
      if (rule.jump !== undefined) pending.push({ chain: rule.jump, matched })
    }
  }
  return [...found.values()]
}

/** The rules of a chain that a packet can match, and what is matched after each. */
function reachable(rules: readonly NatRule[], before: Matched) {
  return rules.flatMap(rule => {
    const matched = narrow(before, rule)
    return matched === undefined ? [] : [{ rule, matched }]
  })
}

/** What is matched after one more rule; undefined when nothing can be. */
function narrow(matched: Matched, rule: NatRule): Matched | undefined {
  const both = <T>(a: T | undefined, b: T | undefined) => a !== undefined && b !== undefined && a !== b
  if (both(matched.family, rule.family) || both(matched.protocol, rule.protocol)) return undefined
  if (both(matched.address, rule.address)) return undefined
  const ports = matched.ports && rule.ports ? rule.ports.filter(port => matched.ports?.includes(port)) : undefined
  if (ports?.length === 0) return undefined
  return {
    family: rule.family ?? matched.family,
    protocol: rule.protocol ?? matched.protocol,
    address: rule.address ?? matched.address,
    ports: ports ?? rule.ports ?? matched.ports,
  }
}

function translate({ family, protocol, address, ports }: Matched, { to }: NatRule): Forward[] {
  if (to === undefined || protocol === undefined) return []
  return (ports ?? []).map(port => ({
    family: family ?? familyOf(to.address),
    protocol,
    address: address ?? '',
    port,
    toAddress: to.address,
    toPort: to.port ?? port,
  }))
}

/** The ports of a range, both ends included. */
export function portRange(first: number, last = first): number[] {
  return Array.from({ length: Math.max(0, Math.min(last - first + 1, maximumPorts)) }, (_, index) => first + index)
}
