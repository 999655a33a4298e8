/**
 * The plan of a local capture: pure data, made from the request, the target and its interfaces. What it says is what is
 * run, so a test or `--dry-run` can look at it without starting anything.
 */
import { hostname } from 'node:os'
import { RemoraError } from '../base/errors.ts'
import type { HostName, ResolvedTarget } from '../discover/resolve.ts'
import { type DumpcapOptions, isCapturableName } from '../linux/dumpcap.ts'
import type { NetworkInterface } from '../linux/iproute.ts'
import { targetComment } from '../packetflix/comment.ts'
import { nearestNames } from '../target/match.ts'
import { both, carried, exclusion } from './own-stream.ts'
import type { CaptureRequest, StopConditions } from './request.ts'

export interface CapturePlan {
  readonly reference: string
  readonly name: string
  readonly type: string
  /** Inode of the network namespace. */
  readonly netns: number
  /** Indexes of the interfaces captured, as packets on `any` tell them; undefined: of every one. */
  readonly interfaceIndexes: readonly number[] | undefined
  /** `direct`: dumpcap writes the output itself; `woven`: several captures become one stream on the way. */
  readonly route: 'direct' | 'woven'
  readonly dumpcap: DumpcapOptions
  /** Names written before the first packet. */
  readonly names: readonly HostName[]
}

/** Kernel buffer of one capture, MiB, shared by its interfaces. Above it arming gets slow, below it packets get lost. */
export const standardBuffer = 32
const leastBuffer = 2
/** Kernel buffer of a capture that waits to be claimed, MiB; there may be several. */
export const headBuffer = 4

/** Bytes that may wait inside dumpcap between its threads. */
const queueSize = 64 * 1024 * 1024

/**
 * Milliseconds a packet may take from the kernel to dumpcap's output (TPACKET_V3's block timeout, 250, and some). A stop
 * loses what is still on its way, so every stop waits that long.
 */
export const drainTime = 300

interface PlanOptions {
  /** Have dumpcap count packets for a progress line. */
  readonly counting?: boolean
  /** Several captures will become one stream, which meets the stop conditions as a whole. */
  readonly woven?: boolean
  /** MiB of kernel buffer, for all interfaces together. */
  readonly buffer?: number | undefined
}

/**
 * Plans a capture.
 * @throws RemoraError INTERFACE_NOT_FOUND when an interface is unknown, down, or none is left, FILTER_INVALID when its
 *   parentheses do not match
 */
export function planCapture(
  request: CaptureRequest,
  target: Omit<ResolvedTarget, 'namespace'> & {
    readonly namespace: { readonly inode: number; readonly own?: boolean }
  },
  interfaces: readonly NetworkInterface[],
  { counting = false, woven = request.follow, buffer = standardBuffer }: PlanOptions = {},
): CapturePlan {
  const chosen = chooseInterfaces(request.interfaces, interfaces, target.name)
  const netns = target.namespace.inode
  const central = target.type === 'host' || target.namespace.own === true
  const excluding = exclusion(carried(request.ownStream ?? [], { central, interfaces }))
  const description = [target.container?.engine, target.container?.image, `netns ${netns}`].filter(Boolean).join(' ')
  return {
    reference: target.reference,
    name: target.name,
    type: target.type,
    netns,
    names: request.names ? target.names : [],
    interfaceIndexes: chosen.includes('any')
      ? undefined
      : interfaces.filter(({ name }) => chosen.includes(name)).map(({ index }) => index),
    route: woven ? 'woven' : 'direct',
    dumpcap: {
      interfaces: chosen.map(name => ({ name, description })),
      filter: both(excluding, request.filter),
      snaplen: request.snaplen,
      promiscuous: request.promiscuous,
      bufferSize: Math.max(leastBuffer, Math.floor(buffer / chosen.length)),
      queueSize,
      comment: targetComment({ ...target, ...request, node: hostname(), excluding }),
      stopConditions: woven ? [] : stopConditions(request.stop),
      counting,
    },
  }
}

function chooseInterfaces(
  wanted: readonly string[],
  interfaces: readonly NetworkInterface[],
  target: string,
): string[] {
  const usable = interfaces.filter(({ up, name }) => up && isCapturableName(name)).map(({ name }) => name)
  const known = [...usable, 'any']
  for (const name of wanted) {
    if (known.includes(name)) continue
    const state = interfaces.some(candidate => candidate.name === name && !candidate.up) ? 'is down' : 'does not exist'
    const [nearest] = nearestNames(name, known, 1)
    throw new RemoraError(
      'INTERFACE_NOT_FOUND',
      `interface "${name}" of ${target} ${state}; there are ${known.join(', ')}`,
      {
        hint: nearest === undefined ? 'Choose one of them, or none for all.' : `Did you mean ${nearest}?`,
      },
    )
  }
  if (wanted.length > 0) return [...wanted]
  if (usable.length > 0) return usable
  throw new RemoraError('INTERFACE_NOT_FOUND', `${target} has no network interface that is up`, {
    hint: 'Bring one up, or capture on the pseudo-interface any, which waits for one: -i any',
  })
}

/** dumpcap's stop conditions; a duration is lengthened so that what arrived within it is written before it ends. */
function stopConditions({ duration, packets, filesize }: StopConditions): string[] {
  return [
    ...(duration === undefined ? [] : [`duration:${duration + drainTime / 1000}`]),
    ...(packets === undefined ? [] : [`packets:${packets}`]),
    ...(filesize === undefined ? [] : [`filesize:${filesize}`]),
  ]
}
