/**
 * The output of `nft -j list ruleset` (libnftables-json(5)), as rules. Chains are named by family, table and name, since
 * tables do not know each other. What iptables made stands there without its meaning, and is read by parseIptables.
 */
import { type Family, familyOf, isAddress } from '../../base/ip.ts'
import { type NatRule, type NatRules, portRange } from './nat-rules.ts'

/** The rules of nftables that translate destinations. */
export interface NftRuleset extends NatRules {
  /** Families in which iptables has made a table `nat`. */
  readonly iptables: readonly Family[]
}

interface NftEntry {
  readonly chain?: {
    readonly family?: string
    readonly table?: string
    readonly name?: string
    readonly hook?: string
    readonly type?: string
  }
  readonly rule?: {
    readonly family?: string
    readonly table?: string
    readonly chain?: string
    readonly expr?: unknown
  }
}

const families: Readonly<Record<string, Family>> = { ip: 'ipv4', ip6: 'ipv6' }

/** Reads the ruleset; what is no JSON has no rules. */
export function parseNft(json: string): NftRuleset {
  const entries = entriesOf(json)
  const chains = new Map<string, NatRule[]>()
  const bases = entries.flatMap(({ chain }) => (chain?.type === 'nat' ? chain : []))
  for (const { rule } of entries) {
    if (rule === undefined || !Array.isArray(rule.expr)) continue
    const place = `${rule.family} ${rule.table}`
    const name = `${place} ${rule.chain}`
    const rules = chains.get(name) ?? []
    rules.push(toRule(rule.expr, place, families[rule.family ?? '']))
    chains.set(name, rules)
  }
  return {
    hooks: bases
      .filter(({ hook }) => hook === 'prerouting' || hook === 'output')
      .map(({ family, table, name }) => `${family} ${table} ${name}`),
    chains,
    iptables: bases.flatMap(({ family = '', table, name = '' }) => {
      const known = families[family]
      return known !== undefined && table === 'nat' && /^[A-Z]+$/.test(name) ? known : []
    }),
  }
}

function entriesOf(json: string): NftEntry[] {
  try {
    const { nftables } = JSON.parse(json) as { nftables?: unknown }
    return Array.isArray(nftables) ? nftables.filter(entry => typeof entry === 'object' && entry !== null) : []
  } catch {
    return []
  }
}

/** A statement of a rule, or an expression in one: an object with one key that says what it is. */
type Expression = Readonly<Record<string, unknown>>

function toRule(statements: readonly unknown[], place: string, family: Family | undefined): NatRule {
  let rule: NatRule = {
    family,
    protocol: undefined,
    address: undefined,
    ports: undefined,
    jump: undefined,
    to: undefined,
  }
  for (const statement of statements) {
    const { match, dnat, jump, goto } = objectOf(statement)
    if (match !== undefined) rule = { ...rule, ...matched(objectOf(match)) }
    const target = objectOf(jump ?? goto).target
    if (typeof target === 'string') rule = { ...rule, jump: `${place} ${target}` }
    if (dnat !== undefined) rule = { ...rule, ...translated(objectOf(dnat), rule.family) }
  }
  return rule
}

/** What an equation narrows down; protocols are named by their payload too (`tcp dport`). */
function matched({ op, left, right }: Expression): Partial<NatRule> {
  if (op !== '==' && op !== 'in') return {}
  const payload = objectOf(objectOf(left).payload)
  const key = objectOf(objectOf(left).meta).key
  if (key === 'l4proto' && typeof right === 'string') return { protocol: right }
  const { protocol, field } = payload
  if (field === 'protocol' || field === 'nexthdr') return typeof right === 'string' ? { protocol: right } : {}
  if (field === 'daddr' && typeof right === 'string') {
    const family = families[String(protocol)]
    // The name of a set, `@services`, narrows nothing down that could be told.
    return { ...(isAddress(right) && { address: right }), ...(family && { family }) }
  }
  if (field !== 'dport') return {}
  const ports = portsOf(right)
  return { ports, ...(typeof protocol === 'string' && protocol !== 'th' && { protocol }) }
}

function translated({ addr, port, family }: Expression, known: Family | undefined): Partial<NatRule> {
  if (typeof addr !== 'string' || !isAddress(addr)) return {}
  const kind = families[String(family)] ?? known ?? familyOf(addr)
  return { family: kind, to: { address: addr, port: typeof port === 'number' ? port : undefined } }
}

/** A port, a range, or a set of both; named sets are not followed. */
function portsOf(value: unknown): number[] | undefined {
  if (typeof value === 'number') return [value]
  const { range, set } = objectOf(value)
  if (Array.isArray(range) && typeof range[0] === 'number' && typeof range[1] === 'number')
    return portRange(range[0], range[1])
  return Array.isArray(set) ? set.flatMap(element => portsOf(element) ?? []) : undefined
}

function objectOf(value: unknown): Expression {
  return typeof value === 'object' && value !== null ? (value as Expression) : {}
}
