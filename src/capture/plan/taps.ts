/**
 * The taps of a target: for each place of capture, what is opened there, by which program, and what is added to its packets. Pure
 * data, planned again from the same facts when other interfaces come.
 */
import { type CapturedInterface, openingOf } from '../../linux/capturing/device.ts'
import type { DumpcapOptions } from '../../linux/capturing/dumpcap.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { CapturePoint } from '../../protocol/v1/values.ts'
import { both, carried, exclusion, type StreamConnection } from '../request/own-stream.ts'
import { type Chosen, everyInterface } from './choose-interfaces.ts'

/** What is added to packets, or put beside them. */
export interface Annotations {
  /** Each packet is marked as received or sent. */
  readonly direction: boolean
  /** A packet has the same number at each point that sees it. */
  readonly correlation: boolean
  /** Names of addresses. */
  readonly names: boolean
  /** TLS keys. */
  readonly keys: boolean
}

/** What holds for every tap of a target, whichever interfaces it has. */
export interface TapFacts {
  /** The target in canonical form, and how it is called. */
  readonly reference: string
  readonly name: string
  /** What its interfaces are named after in the capture, among several targets. */
  readonly label?: string | undefined
  /** Inode of the network namespace. */
  readonly netns: number
  /** The traffic of the whole host passes there. */
  readonly central: boolean
  /** Text that describes each interface in the capture. */
  readonly description: string
  readonly at: CapturePoint
  /** tcpdump hands every packet on at once. */
  readonly program: 'dumpcap' | 'tcpdump'
  /** Capture filter that was asked for; that of a tap may leave out more. */
  readonly filter: string
  /** Connections that carry the capture away. */
  readonly ownStream: readonly StreamConnection[]
  /** Bytes kept of each packet; undefined: all. */
  readonly snaplen: number | undefined
  readonly promiscuous: boolean
  /** MiB of kernel buffer for all interfaces together. */
  readonly buffer: number
  readonly annotations: Annotations
}

/** One place of capture. */
export interface TapPlan {
  readonly target: { readonly reference: string; readonly name: string }
  /** The target's own interface. */
  readonly interface: Chosen
  /** In the target, or at the other end of the veth pair of its interface. */
  readonly point: 'inside' | 'peer'
  /** Inode of the network namespace; undefined for a peer that has not been looked for. */
  readonly netns: number | undefined
  /** What the program is told to open; of a peer that has not been looked for it has the name of the near end. */
  readonly opened: CapturedInterface
  readonly program: 'dumpcap' | 'tcpdump'
  /** Capture filter; what is opened under another name has one of its own in place of it. */
  readonly filter: string
  readonly snaplen: number | undefined
  readonly promiscuous: boolean
  /** Kernel buffer, MiB. */
  readonly bufferSize: number
  readonly annotations: Annotations
  /** Name in the capture; the name of a peer comes behind it. */
  readonly shown: string
}

/** Kernel buffer of an interface, MiB, however many there are. */
export const leastBuffer = 2

/** Bytes that may wait inside dumpcap between its threads. */
const queueSize = 64 * 1024 * 1024

/** Name an interface of a target has in the capture. */
export function shownName({ label }: Pick<TapFacts, 'label'>, nif: string): string {
  return label === undefined ? nif : `${label}/${nif}`
}

/**
 * Plans the taps on interfaces of a target.
 * @param interfaces all it has: their addresses tell whether the capture would see itself
 * @throws RemoraError FILTER_INVALID when the parentheses of the filter do not match
 */
export function planTaps(
  facts: TapFacts,
  chosen: readonly Chosen[],
  interfaces: readonly Pick<NetworkInterface, 'addresses'>[],
): TapPlan[] {
  const { reference, name, netns, at, description, program, snaplen, promiscuous, annotations } = facts
  const filter = both(exclusion(carried(facts.ownStream, { central: facts.central, interfaces })), facts.filter)
  const bufferSize = bufferOfEach(facts.buffer, chosen.length)
  const tapAt = (nif: Chosen, point: TapPlan['point']): TapPlan => ({
    target: { reference, name },
    interface: { name: nif.name, index: nif.index },
    point,
    netns: point === 'inside' ? netns : undefined,
    opened: point === 'inside' ? capturedInterface(nif, description, filter) : { name: nif.name, description },
    ...{ program, filter, snaplen, promiscuous, bufferSize, annotations },
    shown: shownName(facts, nif.name),
  })
  const hasPeer = (nif: Chosen) => nif !== everyInterface
  return [
    ...(at === 'peer' ? [] : chosen.map(nif => tapAt(nif, 'inside'))),
    ...(at === 'inside' ? [] : chosen.filter(hasPeer).map(nif => tapAt(nif, 'peer'))),
  ]
}

/** Kernel buffer of each of so many interfaces that share one, MiB. */
export function bufferOfEach(buffer: number, count: number): number {
  return Math.max(leastBuffer, Math.floor(buffer / count))
}

/** The tap at a peer that has been found. */
export function foundPeer(tap: TapPlan, peer: Chosen & { readonly netns: number }): TapPlan {
  return {
    ...tap,
    netns: peer.netns,
    opened: capturedInterface(peer, tap.opened.description, tap.filter),
    shown: `${tap.shown}@${peer.name}`,
  }
}

/** An interface as it is captured, with the filter of the whole capture. */
function capturedInterface(nif: Chosen, description: string, filter: string): CapturedInterface {
  const { name } = nif
  if (nif === everyInterface) return { name, description }
  const { only, ...opening } = openingOf(nif)
  return { name, description, ...opening, ...(only !== undefined && { filter: both(only, filter) }) }
}

/** The interfaces of the target itself that have a tap, each once, as they are opened inside. */
export function ownInterfaces(taps: readonly TapPlan[]): CapturedInterface[] {
  const own = new Map<string, CapturedInterface>()
  for (const { point, interface: nif, opened, filter } of taps) {
    if (own.has(nif.name)) continue
    own.set(nif.name, point === 'inside' ? opened : capturedInterface(nif, opened.description, filter))
  }
  return [...own.values()]
}

/** What one dumpcap for some taps is told, beside what the stream as a whole needs. */
export function dumpcapOptions(taps: readonly TapPlan[], comment: string): DumpcapOptions {
  const [{ filter, snaplen, promiscuous, bufferSize }] = taps as readonly [TapPlan]
  const interfaces = taps.map(({ opened }) => opened)
  return {
    ...{ interfaces, filter, snaplen, promiscuous, bufferSize, queueSize, comment },
    ...{ stopConditions: [], counting: false },
  }
}
