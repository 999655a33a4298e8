/**
 * Why nothing is captured, in one line for people: told from what the kernel counted on the interfaces of the target since
 * the capture began, which it does whether or not somebody captures.
 */
import { printable } from '../../base/write.ts'

/** What is known of one target that is captured. */
export interface SilenceFacts {
  /** Target, as people call it: `web`. */
  readonly target: string
  /** Capture filter that was asked for; empty for none. */
  readonly filter: string
  /** The connection that carries the capture away is left out of it. */
  readonly excluding: boolean
  /** It is not the host, but has the host's network. */
  readonly hostNetwork: boolean
  /** Every interface of its namespace; undefined when the counters cannot be read. */
  readonly interfaces: readonly InterfaceFacts[] | undefined
}

/** An interface, and what passed through it. */
export interface InterfaceFacts {
  readonly name: string
  readonly captured: boolean
  /** See NetworkInterface; undefined when it is not known. */
  readonly up: boolean | undefined
  readonly operstate: string | undefined
  readonly loopback: boolean
  /** It may have another end, where `--at peer` captures; undefined when it is not known. */
  readonly hasPeer?: boolean | undefined
  /** Packets since the capture began. */
  readonly received: number
  readonly sent: number
}

/** The most likely reason; undefined when nothing is known. */
export function explainSilence(facts: SilenceFacts): string | undefined {
  const { target, filter, excluding, hostNetwork, interfaces } = facts
  if (interfaces === undefined) return undefined
  const captured = interfaces.filter(nif => nif.captured)
  const down = downReason(captured, interfaces)
  if (down !== undefined) return down
  const passed = sum(captured.map(packetsOf))
  if (passed > 0) {
    const packets = `${passed.toLocaleString('en')} ${passed === 1 ? 'packet' : 'packets'} passed`
    if (filter !== '') return printable(`${packets}, none matches the filter "${short(filter, 200)}"`)
    if (excluding) return `${packets}, all of the connection that carries the capture away`
    return `${packets}, and none of them could be seen${wayOut(captured)}`
  }
  const others = interfaces.filter(nif => !nif.captured && packetsOf(nif) > 0).map(({ name }) => name)
  const adding = others.slice(0, 3).map(name => `-i ${name}`)
  const elsewhere = others.length === 0 ? '' : ` (${namesOf(others)} now: ${adding.join(' ')})`
  if (hostNetwork) {
    return printable(`${target} uses the network of the host: its traffic is on the host's interfaces${elsewhere}`)
  }
  if (others.length > 0) return printable(`traffic passes on ${namesOf(others)} only: add ${adding.join(' ')}`)
  const stopped = interfaces.filter(nif => !nif.loopback && isDown(nif)).map(({ name }) => name)
  const which = stopped.length === 0 ? '' : `, and ${namesOf(stopped)} ${stopped.length === 1 ? 'is' : 'are'} down`
  return printable(`nothing was sent or received since the capture began${which}`)
}

/** What to try; only veth pairs have another end. */
function wayOut(captured: readonly InterfaceFacts[]): string {
  return captured.some(({ hasPeer }) => hasPeer) ? ': try --at peer' : ''
}

/** Packets one way without any the other way that make it worth a word: fewer are what every network has to say. */
const leastOneWay = 10

/** What is odd about traffic that goes one way only; undefined when it does not. */
export function explainDirection({ target, interfaces = [] }: SilenceFacts): string | undefined {
  for (const nif of interfaces) {
    const { name, captured, loopback, received, sent } = nif
    if (!captured || loopback) continue
    const where = printable(`${target}/${name}`)
    if (sent === 0 && received >= leastOneWay) return `only packets received on ${where}, none sent${wayOut([nif])}`
    if (received === 0 && sent >= leastOneWay) return `only packets sent on ${where}, none received${wayOut([nif])}`
  }
  return undefined
}

/** Most lines that are said at once; and targets, or interfaces, that are named in one. */
const most = 5
const mostNamed = 3

/**
 * The lines for targets that are silent.
 * @param all they are all there are: then one line is enough
 * @param seconds for how long
 */
export function silenceLines(silent: readonly SilenceFacts[], all: boolean, seconds: number): string[] {
  const lineFor = (subject: string, reason: string | undefined) =>
    `no packet on ${subject} for ${seconds} s${reason === undefined ? '' : `: ${reason}`}`
  if (!all || silent.length === 1) {
    return silent.slice(0, most).map(facts => lineFor(subjectOf(facts), explainSilence(facts)))
  }
  if (silent.length === 0) return []
  const reasons = new Set(silent.map(explainSilence))
  const [reason] = reasons
  if (reasons.size === 1) return [lineFor(namesOf(silent.map(({ target }) => printable(target))), reason)]
  const each = silent.slice(0, mostNamed).map(facts => {
    return `${printable(facts.target)}: ${explainSilence(facts) ?? 'the reason is not known'}`
  })
  const more = silent.length > mostNamed ? [`and ${silent.length - mostNamed} more`] : []
  return [lineFor(`${silent.length} targets`, [...each, ...more].join('; '))]
}

/** `web/eth0`, or `web (lo, eth0)`; the target alone where its interfaces are not known. */
function subjectOf({ target, interfaces = [] }: SilenceFacts): string {
  const names = interfaces.filter(nif => nif.captured).map(({ name }) => name)
  if (names.length === 0) return printable(target)
  return printable(names.length === 1 ? `${target}/${names[0]}` : `${target} (${namesOf(names)})`)
}

/** Packets, each counted once: on a loopback interface what is sent is received. */
function packetsOf({ loopback, received, sent }: InterfaceFacts): number {
  return loopback ? received : received + sent
}

/** All that could bring packets are down, and none has come since. */
function downReason(captured: readonly InterfaceFacts[], interfaces: readonly InterfaceFacts[]): string | undefined {
  const links = captured.filter(({ loopback }) => !loopback)
  if (links.length === 0 || !links.every(nif => isDown(nif) && packetsOf(nif) === 0)) return undefined
  const of = captured.length === 1 ? '' : ` of ${namesOf(links.map(({ name }) => name))}`
  return printable(`the link${of} is down${links.every(({ up }) => up) ? carrierReason(links, interfaces) : ''}`)
}

/** They are up themselves, so what is missing is the carrier: the peer of a veth pair, a cable, or the port of a bridge. */
function carrierReason(links: readonly InterfaceFacts[], interfaces: readonly InterfaceFacts[]): string {
  const stopped = interfaces.filter(nif => !nif.captured && nif.up === false).map(({ name }) => name)
  if (stopped.length === 0 || !links.every(({ hasPeer }) => hasPeer === false)) return ' (its other end is not up)'
  return ` (${namesOf(stopped)} ${stopped.length === 1 ? 'is' : 'are'} down)`
}

function isDown({ up, operstate = '' }: InterfaceFacts): boolean {
  return up === false || ['DOWN', 'LOWERLAYERDOWN', 'NOTPRESENT'].includes(operstate)
}

function namesOf(names: readonly string[]): string {
  const more = names.length - mostNamed
  if (more > 1) return `${names.slice(0, mostNamed).join(', ')} and ${more} more`
  return names.join(', ')
}

function short(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
