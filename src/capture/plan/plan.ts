/**
 * The plan of a local capture: pure data, made from the request, the target and its interfaces. What it says is what is
 * run, so a test or `--dry-run` can look at it without starting anything.
 */
import { hostname } from 'node:os'
import type { HostName, ResolvedTarget } from '../../discover/resolve/resolve.ts'
import { type CapturedInterface, openingOf } from '../../linux/capturing/device.ts'
import type { DumpcapOptions } from '../../linux/capturing/dumpcap.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import { targetComment } from '../../protocol/packetflix/comment.ts'
import { both, carried, exclusion } from '../request/own-stream.ts'
import { type CaptureRequest, keysWindow, type StopConditions } from '../request/request.ts'
import { type Chosen, chooseInterfaces, everyInterface } from './choose-interfaces.ts'

/** What a capture does. */
export interface CapturePlan {
  /** `direct`: dumpcap writes the output itself; `woven`: several captures become one stream on the way. */
  readonly route: 'direct' | 'woven'
  /** Why it is woven; empty for a direct one. */
  readonly reasons: readonly string[]
  /** What is captured, in canonical form, and how it is called. */
  readonly reference: string
  readonly name: string
  /** Milliseconds a packet waits for others, where it is woven. */
  readonly window: number
  /** Comment of the first section. */
  readonly comment: string
  readonly sources: readonly SourcePlan[]
}

/** One target of a capture. */
export interface SourcePlan {
  readonly reference: string
  readonly name: string
  readonly type: string
  /** What its interfaces are named after in the capture, among several targets. */
  readonly label?: string | undefined
  /** Inode of the network namespace. */
  readonly netns: number
  /** Every interface that is up is captured, one by one. */
  readonly everyInterface: boolean
  /** What is told when the capture begins, in lines for people. */
  readonly notes: readonly string[]
  /** Indexes of the interfaces captured, as packets on `any` tell them; undefined: of every one. */
  readonly interfaceIndexes: readonly number[] | undefined
  /** Capture filter that was asked for; what dumpcap gets may leave out more. */
  readonly filter: string
  /** It is a part of a woven stream. */
  readonly woven: boolean
  readonly dumpcap: DumpcapOptions
  /** Names written before the first packet. */
  readonly names: readonly HostName[]
}

/** Kernel buffer of one capture, MiB, shared by its interfaces. Above it arming gets slow, below it packets get lost. */
const standardBuffer = 32
const leastBuffer = 2
/** Kernel buffer of a capture that waits to be claimed, MiB; there may be several. */
export const headBuffer = 4

/** MiB of all kernel buffers of a capture of many targets. */
const largestBuffer = 256

/** Kernel buffer of each of several targets, MiB. */
export function bufferFor(targets: number): number {
  return Math.max(leastBuffer, Math.min(standardBuffer, Math.floor(largestBuffer / targets)))
}

/** Bytes that may wait inside dumpcap between its threads. */
const queueSize = 64 * 1024 * 1024

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
  /** Have dumpcap count packets for a progress line. */
  readonly counting?: boolean
  /** Several captures will become one stream, which meets the stop conditions as a whole. */
  readonly woven?: boolean
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

/** Why a capture cannot leave the writing to dumpcap. */
function reasonsToWeave(request: CaptureRequest, targets: number, heads: boolean, pending: boolean): string[] {
  const { follow, window, direction, immediate, at = 'inside', keys } = request
  const reasons: [boolean, string][] = [
    [targets > 1, `${targets} targets`],
    [follow, 'follow'],
    [heads, 'captured since it came'],
    [pending, 'a target is waited for'],
    [window !== undefined, 'window'],
    [direction === true, 'direction'],
    [immediate === true, 'immediate'],
    [at !== 'inside', `at ${at}`],
    [keys !== undefined, 'TLS keys'],
  ]
  return reasons.flatMap(([holds, reason]) => (holds ? [reason] : []))
}

/**
 * Plans a whole capture, from what is known before its targets are looked at.
 * @param heads whether packets were captured before the interfaces were known
 * @param pending whether a target is still waited for
 */
export function planRoute(
  request: CaptureRequest,
  targets: readonly { readonly reference: string; readonly name: string }[],
  heads: boolean,
  pending = false,
): Omit<CapturePlan, 'sources' | 'comment'> {
  const reasons = reasonsToWeave(request, targets.length, heads, pending)
  const window = request.window ?? (request.immediate ? immediateWindow : standardWindow)
  return {
    route: reasons.length === 0 ? 'direct' : 'woven',
    reasons,
    reference: targets.map(({ reference }) => reference).join(', '),
    name: targets.map(({ name }) => name).join(', '),
    window: request.keys === undefined ? window : Math.max(window, keysWindow),
  }
}

/** The comment of the first section: of several targets stock tools read the names, and the type of the first. */
export function sectionComment(
  request: CaptureRequest,
  { name }: Pick<CapturePlan, 'name'>,
  [first, ...others]: readonly SourcePlan[],
): string {
  if (first === undefined) return ''
  if (others.length === 0) return first.dumpcap.comment
  return targetComment({ ...request, ...placeOf(request), name, type: first.type })
}

/** The host by the name that the client has for it, else by its own. */
function placeOf({ place }: CaptureRequest): { node: string; cluster: string | undefined } {
  return { node: place?.node || hostname(), cluster: place?.cluster }
}

/**
 * Plans the capture of one target.
 * @throws RemoraError INTERFACE_NOT_FOUND and LIMIT as {@link chooseInterfaces} does, FILTER_INVALID when its parentheses do
 *   not match
 */
export function planSource(
  request: CaptureRequest,
  target: Omit<ResolvedTarget, 'namespace' | 'from'> & {
    readonly namespace: { readonly inode: number; readonly own?: boolean }
  },
  interfaces: readonly NetworkInterface[],
  {
    counting = false,
    woven = false,
    label,
    buffer = standardBuffer,
    allowAny = true,
    maxInterfaces = maxMergedInterfaces,
  }: PlanOptions = {},
): SourcePlan {
  const { chosen, note } = chooseInterfaces(request.interfaces, interfaces, {
    ...{ target: target.name, several: label !== undefined },
    maxInterfaces: woven ? maxInterfaces : maxDirectInterfaces,
    ...{ allowAny, at: request.at ?? 'inside' },
  })
  const onAny = chosen.includes(everyInterface)
  const netns = target.namespace.inode
  const central = target.type === 'host' || target.namespace.own === true
  const excluding = exclusion(carried(request.ownStream ?? [], { central, interfaces }))
  const filter = both(excluding, request.filter)
  const description = [target.container?.engine, target.container?.image, `netns ${netns}`].filter(Boolean).join(' ')
  return {
    reference: target.reference,
    name: target.name,
    type: target.type,
    label,
    filter: request.filter,
    woven,
    netns,
    names: request.names ? target.names : [],
    everyInterface: request.interfaces.length === 0 && !onAny,
    notes: note === undefined ? [] : [note],
    interfaceIndexes: onAny ? undefined : chosen.map(({ index }) => index),
    dumpcap: {
      interfaces: chosen.map(nif => capturedInterface(nif, description, filter)),
      filter,
      snaplen: request.snaplen,
      promiscuous: request.promiscuous,
      bufferSize: Math.max(leastBuffer, Math.floor(buffer / chosen.length)),
      queueSize,
      comment: targetComment({ ...target, ...request, ...placeOf(request), excluding }),
      stopConditions: woven ? [] : stopConditions(request.stop),
      counting,
    },
  }
}

/** An interface as it is captured, with the filter of the whole capture. */
export function capturedInterface(nif: Chosen, description: string, filter: string): CapturedInterface {
  if (nif === everyInterface) return { name: nif.name, description }
  const { name } = nif
  const { only, ...opening } = openingOf(nif)
  return { name, description, ...opening, ...(only !== undefined && { filter: both(only, filter) }) }
}

/** dumpcap's stop conditions; a duration is lengthened so that what arrived within it is written before it ends. */
function stopConditions({ duration, packets, filesize }: StopConditions): string[] {
  return [
    ...(duration === undefined ? [] : [`duration:${duration + drainTime / 1000}`]),
    ...(packets === undefined ? [] : [`packets:${packets}`]),
    ...(filesize === undefined ? [] : [`filesize:${filesize}`]),
  ]
}

/** Name an interface of a target has in the capture. */
export function shownName({ label }: Pick<SourcePlan, 'label'>, nif: string): string {
  return label === undefined ? nif : `${label}/${nif}`
}
