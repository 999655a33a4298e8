/**
 * What was known about the targets of a capture when it began, as a YAML document of its own in the section comment, before
 * the target comment: a file explains itself years later, on a machine that has never seen the containers.
 *
 * A comment is an option of pcapng, at most 65,535 bytes, and is an argument of dumpcap's command line. So everything that
 * comes out of a container is bounded, and what is least missed goes first when it is too much all the same.
 */
import { type YamlMap, yamlLines } from '../base/yaml.ts'

/** The context of a whole capture. */
export interface CaptureContextFacts {
  /** Version of remora. */
  readonly remora: string
  /** Version of dumpcap, when known. */
  readonly dumpcap?: string | undefined
  /** ISO 8601, UTC. */
  readonly capturedAt: string
  readonly host: { readonly name: string; readonly kernel: string }
  readonly targets: readonly TargetContext[]
}

/** The context of one target. */
export interface TargetContext {
  readonly reference: string
  readonly name: string
  readonly type: string
  readonly engine?: string | undefined
  readonly image?: string | undefined
  readonly id?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Inode of the network namespace. */
  readonly netns: number
  readonly incarnation?: Incarnation | undefined
  readonly interfaces: readonly InterfaceContext[]
  /** As ip-route(8) prints them: `default via 172.17.0.1 dev eth0`. */
  readonly routes?: readonly string[] | undefined
  readonly resolver?: ResolverContext | undefined
}

/** What tells one life of a target from the next. */
export interface Incarnation {
  readonly pid?: number | undefined
  /** Clock ticks since boot. */
  readonly startTime?: number | undefined
  /** ISO 8601, as the engine tells. */
  readonly startedAt?: string | undefined
  /** How often its engine has started it anew by itself. */
  readonly restarts?: number | undefined
}

/** An interface as it was when the capture began. */
export interface InterfaceContext {
  readonly name: string
  readonly index: number
  readonly mac?: string | undefined
  /** Bytes. */
  readonly mtu?: number | undefined
  readonly addresses: readonly string[]
  /** Operational state of RFC 2863. */
  readonly state: string
  /** Index of the other end of a veth pair, or of the interface below, in whatever namespace that is. */
  readonly peerIndex?: number | undefined
  /** Offloads that are switched on, as ethtool(8) calls them; undefined: not looked for. */
  readonly offloads?: readonly string[] | undefined
  /** Capture filter in effect; empty for none. */
  readonly filter?: string | undefined
}

/** resolv.conf(5). */
export interface ResolverContext {
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

/**
 * Greatest length of a whole section comment, bytes: the context with the target comment behind it. In a stream that a
 * Wireshark may read it is short: the pipe reader of 4.0 writes past its memory when a section header has more than 2,048
 * bytes (docs/internals/discoveries).
 */
export const sectionCommentLimits = { file: 60_000, stream: 1_960 } as const

/** First line of the context, by which it is found. */
export const contextMarker = '# remora context'

const most = { labels: 64, labelLength: 200, textLength: 1_000, words: 64, reduced: 20 } as const

/**
 * The context as a YAML document.
 * @param limit greatest length in bytes: {@link sectionCommentLimits} less the length of the target comment
 * @returns an empty text when not even what is said of the host fits
 */
export function contextComment(facts: CaptureContextFacts, limit: number = sectionCommentLimits.file): string {
  let reduced: readonly TargetContext[] = facts.targets
  let text = document(facts, reduced, false)
  for (const reduce of reductions) {
    if (Buffer.byteLength(text) <= limit) return text
    reduced = reduced.map(reduce)
    text = document(facts, reduced, true)
  }
  while (Buffer.byteLength(text) > limit) {
    if (reduced.length === 0) return ''
    reduced = reduced.slice(0, Math.floor(reduced.length * 0.9))
    text = document(facts, reduced, true)
  }
  return text
}

/** What is given up, one after the other, until it is little enough; at last whole targets. */
const reductions: readonly ((target: TargetContext) => TargetContext)[] = [
  target => ({ ...target, interfaces: target.interfaces.map(nif => ({ ...nif, offloads: undefined })) }),
  target => ({ ...target, labels: undefined }),
  target => ({ ...target, routes: target.routes?.slice(0, most.reduced) }),
  target => ({ ...target, interfaces: target.interfaces.slice(0, most.reduced) }),
  target => ({ ...target, interfaces: [], routes: undefined, resolver: undefined }),
]

function document(facts: CaptureContextFacts, targets: readonly TargetContext[], truncated: boolean): string {
  const lines = yamlLines({
    remora: facts.remora,
    dumpcap: textOf(facts.dumpcap),
    'captured-at': facts.capturedAt,
    host: { name: textOf(facts.host.name), kernel: textOf(facts.host.kernel) },
    truncated: truncated || undefined,
    targets: targets.map(targetMap),
  })
  return `---\n${contextMarker}\n${lines.join('\n')}\n`
}

function targetMap(target: TargetContext): YamlMap {
  const { incarnation, resolver } = target
  return {
    reference: textOf(target.reference),
    name: textOf(target.name),
    type: textOf(target.type),
    engine: textOf(target.engine),
    image: textOf(target.image),
    id: textOf(target.id),
    labels: labelsOf(target.labels ?? {}),
    netns: target.netns,
    incarnation: incarnation && {
      pid: incarnation.pid,
      'start-time': incarnation.startTime,
      'started-at': textOf(incarnation.startedAt),
      restarts: incarnation.restarts,
    },
    interfaces: target.interfaces.map(interfaceMap),
    routes: target.routes?.map(route => cut(route)),
    'resolv-conf': resolver && {
      nameservers: wordsOf(resolver.nameservers),
      search: wordsOf(resolver.search),
      options: wordsOf(resolver.options),
    },
  }
}

function interfaceMap(nif: InterfaceContext): YamlMap {
  return {
    name: cut(nif.name),
    index: nif.index,
    mac: textOf(nif.mac),
    mtu: nif.mtu,
    addresses: nif.addresses.map(address => cut(address)),
    state: cut(nif.state),
    'peer-ifindex': nif.peerIndex,
    offloads: nif.offloads && wordsOf(nif.offloads),
    filter: nif.filter === '' ? undefined : nif.filter,
  }
}

/** Keys that look the same once their broken characters are replaced count once: YAML refuses doubles. */
function labelsOf(labels: Readonly<Record<string, string>>): YamlMap {
  const entries = Object.entries(labels).map(([key, value]) => [key.toWellFormed(), cut(value)] as const)
  return Object.fromEntries(new Map(entries.slice(0, most.labels)))
}

/** Text, when there is any. */
function textOf(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : cut(value, most.textLength)
}

function wordsOf(words: readonly string[]): string[] {
  return words.slice(0, most.words).map(word => cut(word))
}

/** A text cut short, between characters. */
function cut(text: string, length: number = most.labelLength): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, '')
}
