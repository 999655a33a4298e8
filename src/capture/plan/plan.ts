/**
 * The plan of a local capture: pure data, made from the request, the target and its interfaces. What it says is what is
 * run, so a test or `--dry-run` can look at it without starting anything. Nothing that runs a capture sees the request.
 */
import { hostname } from 'node:os'
import type { HostName, ResolvedTarget } from '../../discover/resolve/resolve.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import { targetComment } from '../../protocol/packetflix/comment.ts'
import type { KeysRequest, StopConditions } from '../request/options.ts'
import { exclusionIn } from '../request/own-stream.ts'
import { type CaptureRequest, isForSeveral, keysWindow, reasonsToMerge } from '../request/request.ts'
import { chooseInterfaces, everyInterface } from './choose-interfaces.ts'
import { type Annotations, leastBuffer, planTaps, type TapFacts, type TapPlan } from './taps.ts'

/** Which way the packets go. */
export interface Route {
  /** `direct`: dumpcap writes the output itself; `woven`: several captures become one stream on the way. */
  readonly route: 'direct' | 'woven'
  /** Why it is woven; empty for a direct one. */
  readonly reasons: readonly string[]
}

/** What a capture does. */
export interface CapturePlan extends Route {
  /** What is captured, in canonical form, and how it is called. */
  readonly reference: string
  readonly name: string
  /** Milliseconds a packet waits for others, where it is woven. */
  readonly window: number
  /** Comment of the first section. */
  readonly comment: string
  /** When the whole of it has enough. */
  readonly stop: StopConditions
  readonly annotations: Annotations
  /** Where the TLS keys come from. */
  readonly keys: KeysRequest | undefined
  readonly sources: readonly SourcePlan[]
}

/** One target of a capture. */
export interface SourcePlan extends TapFacts {
  readonly type: string
  /** Every interface that is up is captured, one by one. */
  readonly everyInterface: boolean
  /** Names of the interfaces that were asked for; empty: every one. */
  readonly wanted: readonly string[]
  /** It goes on without any interface, for as long as the target is there. */
  readonly stays: boolean
  /** What is told when the capture begins, in lines for people. */
  readonly notes: readonly string[]
  /** Indexes of the interfaces captured, as packets on `any` tell them; undefined: of every one. */
  readonly interfaceIndexes: readonly number[] | undefined
  /** Comment of a section of its own. */
  readonly comment: string
  /** Names written before the first packet. */
  readonly names: readonly HostName[]
  readonly taps: readonly TapPlan[]
}

/** Kernel buffer of one capture, MiB, shared by its interfaces. Above it arming gets slow, below it packets get lost. */
const standardBuffer = 32
/** Kernel buffer of a capture that waits to be claimed, MiB; there may be several. */
export const headBuffer = 4

/** MiB of all kernel buffers of a capture of many targets. */
const largestBuffer = 256

/** Kernel buffer of each of several targets, MiB. */
export function bufferFor(targets: number): number {
  return Math.max(leastBuffer, Math.min(standardBuffer, Math.floor(largestBuffer / targets)))
}

/**
 * Milliseconds a packet may take from the kernel to dumpcap's output (TPACKET_V3's block timeout, 250, and some). A stop
 * loses what is still on its way, so every stop waits that long.
 */
export const drainTime = 300

/** Milliseconds a packet waits for others that are captured in immediate mode. */
const immediateWindow = 5

/** Milliseconds a packet waits for others: dumpcap is up to 250 late, and a machine under load some more. */
const standardWindow = 300

/** What the plan of one target depends on beside the request. */
export interface PlanOptions {
  /** Several captures become one stream. */
  readonly woven?: boolean
  /** There may be several targets: each has some of the interfaces that were asked for. */
  readonly several?: boolean
  /** Name of the target among several, which interfaces are named after. */
  readonly label?: string | undefined
  /** MiB of kernel buffer, for all interfaces together. */
  readonly buffer?: number | undefined
  /** Interfaces of a merged capture that are captured one by one, where it is less than usual. */
  readonly maxInterfaces?: number | undefined
  /** Capture on `any` where no interface is up, or too many are; true unless said otherwise. */
  readonly allowAny?: boolean
}

/** Interfaces of a direct capture: each is a thread of dumpcap, and 2 MiB in the kernel. */
const maxDirectInterfaces = 128
/** Interfaces of one target in a merged capture: each is a dumpcap of its own. */
export const maxMergedInterfaces = 64

/**
 * Interfaces of each of several targets that are captured one by one.
 * @param places how many of all of them
 */
export function maxInterfacesFor(targets: number, places: number): number {
  return Math.max(1, Math.min(maxMergedInterfaces, Math.floor(places / targets)))
}

/** How many captures there are of each interface in a merged capture. */
export function capturesOfEach({ at }: Pick<CaptureRequest, 'at'>): number {
  return at === 'both' ? 2 : 1
}

/** What is known of the targets before they are looked at. */
export interface RouteFacts {
  /** How many there are. */
  readonly targets: number
  /** Packets of one were captured before its interfaces were known. */
  readonly heads: boolean
  /** A target is still waited for. */
  readonly pending: boolean
}

/** Decides which way the packets go, once for a capture. */
export function decideRoute(request: CaptureRequest, { targets, heads, pending }: RouteFacts): Route {
  const ofTargets: readonly [boolean, string][] = [
    [targets > 1, `${targets} targets`],
    [heads, 'captured since it came'],
    [pending && !request.follow, 'a target is waited for'],
  ]
  const reasons = [...ofTargets.flatMap(([holds, reason]) => (holds ? [reason] : [])), ...reasonsToMerge(request)]
  return { route: reasons.length === 0 ? 'direct' : 'woven', reasons }
}

/** Whether targets may join that are not there yet, beside those there are: their interfaces need names that tell them apart. */
export function mayBecomeSeveral(request: CaptureRequest): boolean {
  return isForSeveral(request) && (request.follow || request.wait !== undefined)
}

/** Plans a whole capture, from the plans of its targets. */
export function planCapture(request: CaptureRequest, route: Route, sources: readonly SourcePlan[]): CapturePlan {
  const window = request.window ?? (request.immediate ? immediateWindow : standardWindow)
  const name = sources.map(source => source.name).join(', ')
  return {
    ...route,
    reference: sources.map(({ reference }) => reference).join(', '),
    name,
    window: request.keys === undefined ? window : Math.max(window, keysWindow),
    comment: sectionComment(request, name, sources),
    stop: request.stop,
    annotations: annotationsOf(request),
    keys: request.keys,
    sources,
  }
}

function annotationsOf({ direction, at, names, keys }: CaptureRequest): Annotations {
  return { direction, correlation: at === 'both', names, keys: keys !== undefined }
}

/** The comment of the first section: of several targets stock tools read the names, and the type of the first. */
function sectionComment(request: CaptureRequest, name: string, [first, ...others]: readonly SourcePlan[]): string {
  if (first === undefined) return ''
  if (others.length === 0) return first.comment
  return targetComment({ ...request, ...placeOf(request), name, type: first.type })
}

/** The host by the name that the client has for it, else by its own. */
function placeOf({ place }: CaptureRequest): { node: string; cluster: string | undefined } {
  return { node: place?.node || hostname(), cluster: place?.cluster }
}

/** A target, as far as its plan depends on it. */
export type PlannedTarget = Omit<ResolvedTarget, 'namespace' | 'from'> & {
  readonly namespace: { readonly inode: number; readonly own?: boolean }
}

/**
 * Plans the capture of one target.
 * @throws RemoraError INTERFACE_NOT_FOUND and LIMIT as {@link chooseInterfaces} does, FILTER_INVALID when its parentheses do
 *   not match
 */
export function planSource(
  request: CaptureRequest,
  target: PlannedTarget,
  interfaces: readonly NetworkInterface[],
  options: PlanOptions = {},
): SourcePlan {
  const { woven = false, several = false, allowAny = true, maxInterfaces = maxMergedInterfaces } = options
  const { chosen, note } = chooseInterfaces(request.interfaces, interfaces, {
    ...{ target: target.name, several },
    maxInterfaces: woven ? maxInterfaces : maxDirectInterfaces,
    ...{ allowAny, at: request.at },
  })
  const onAny = chosen.includes(everyInterface)
  const facts = factsOf(request, target, options)
  const taps = planTaps(facts, chosen, interfaces)
  const excluding = exclusionIn(taps[0]?.filter ?? '', facts.filter)
  return {
    ...facts,
    type: target.type,
    everyInterface: request.interfaces.length === 0 && !onAny,
    wanted: request.interfaces,
    stays: request.follow,
    notes: note === undefined ? [] : [note],
    interfaceIndexes: onAny ? undefined : chosen.map(({ index }) => index),
    comment: targetComment({ ...target, ...request, ...placeOf(request), excluding }),
    names: request.names ? target.names : [],
    taps,
  }
}

function factsOf(
  request: CaptureRequest,
  { reference, name, type, container, namespace }: PlannedTarget,
  { label, buffer = standardBuffer }: PlanOptions,
): TapFacts {
  const netns = namespace.inode
  return {
    ...{ reference, name, label, netns, buffer },
    central: type === 'host' || namespace.own === true,
    description: [container?.engine, container?.image, `netns ${netns}`].filter(Boolean).join(' '),
    at: request.at,
    program: request.immediate ? 'tcpdump' : 'dumpcap',
    filter: request.filter,
    ownStream: request.ownStream,
    snaplen: request.snaplen,
    promiscuous: request.promiscuous,
    annotations: annotationsOf(request),
  }
}

/** dumpcap's stop conditions; a duration is lengthened so that what arrived within it is written before it ends. */
export function stopConditions({ duration, packets, filesize }: StopConditions): string[] {
  return [
    ...(duration === undefined ? [] : [`duration:${duration + drainTime / 1000}`]),
    ...(packets === undefined ? [] : [`packets:${packets}`]),
    ...(filesize === undefined ? [] : [`filesize:${filesize}`]),
  ]
}
