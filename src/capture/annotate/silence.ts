/**
 * Watches captures for silence: three seconds after one is armed without a packet, a line says why, once. Two reads of
 * counters a second at most, and none at all after half a minute, so that a capture costs nothing for it.
 */
import { setInterval } from '../../base/timers.ts'
import { type ResolvedTarget, sharesHostNetwork } from '../../discover/resolve/resolve.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'
import { type DeviceCounters, type NetworkCounters, readDeviceCounters } from '../../linux/network/net-dev.ts'
import { isRunnable, readBytesWritten } from '../../linux/process/proc.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { SourcePlan } from '../plan/plan.ts'
import { ownInterfaces } from '../plan/taps.ts'
import { explainDirection, type SilenceFacts, silenceLines } from './silence-reason.ts'

/** A target that is captured. */
export interface WatchedTarget extends Pick<SilenceFacts, 'target' | 'filter' | 'excluding' | 'hostNetwork'> {
  /** Interfaces that are captured; `any` stands for all. */
  readonly interfaces: readonly string[]
  /**
   * The interfaces of its namespace as they are now, as `listInterfaces` tells them; asked once, and only in silence. What was
   * known before would not do: a link that was just made is down for up to a second (docs/internals/discoveries).
   */
  links(): Promise<readonly Link[]>
  /** Packets captured so far, or anything else that is 0 until there is one. */
  captured(): number
  /** Whether what has passed may still be on its way into the capture: who captures waits for a processor. */
  isBehind(): boolean
  /** What the interfaces of its namespace have counted; undefined when that cannot be read. */
  counters(): NetworkCounters | undefined
}

type Link = Pick<NetworkInterface, 'name' | 'up' | 'operstate' | 'loopback' | 'lower'>

/** A watch over the targets of one capture. */
export interface SilenceWatch {
  /**
   * Watches a target, whose capture has just been armed.
   * @returns ends that; called when its capture ends
   */
  watch(target: WatchedTarget): () => void
  close(): void
}

/** What a watch knows the time by. */
export interface Clock {
  /** Milliseconds. */
  now(): number
  /** Calls again and again; what is returned ends it. */
  every(milliseconds: number, action: () => void): () => void
}

const realClock: Clock = {
  now: () => performance.now(),
  every(milliseconds, action) {
    const timer = setInterval(action, milliseconds).unref()
    return () => clearInterval(timer)
  },
}

/** A target as it is captured, by what a process in its namespace shows: dumpcap. */
export function watchedTarget(
  { plan, target }: { readonly plan: SourcePlan; readonly target: ResolvedTarget },
  pid: number,
  captured: () => number,
): WatchedTarget {
  return {
    target: plan.name,
    filter: plan.filter,
    excluding: plan.taps.some(({ filter }) => filter !== plan.filter),
    hostNetwork: sharesHostNetwork(target),
    interfaces: ownInterfaces(plan.taps).map(({ name }) => name),
    links: () => listInterfaces(target.namespace),
    captured,
    isBehind: () => isRunnable(pid),
    counters: () => readDeviceCounters(pid),
  }
}

/** Milliseconds without a packet, or with packets in one direction only, after which a word is said. */
const patience = 3_000
/** Milliseconds between looks: a packet that was counted in one has been captured by the next (drainTime in plan.ts). */
const interval = 1_000
/** Milliseconds by which a look may come early: targets that are armed one after another are looked at together. */
const together = interval / 2
/** Milliseconds after which a target is not looked at any more. */
const longest = 30_000
/** Lines of one watch: lives and targets may come without end. */
const mostLines = 5

interface Watched {
  readonly target: WatchedTarget
  readonly since: number
  readonly before: NetworkCounters | undefined
  /** Counters of the last look, when what they count has been captured. */
  settled: NetworkCounters | undefined
  judged: boolean
  firstPacket: number | undefined
}

/**
 * Makes a watch over the targets of one capture.
 * @param onLine told at most five lines in all
 */
export function watchSilence(onLine: (line: string) => void, clock: Clock = realClock): SilenceWatch {
  const watched = new Set<Watched>()
  let stopClock: (() => void) | undefined
  let lines = 0
  let directionTold = false
  let closed = false
  const say = (line: string) => {
    if (!closed && lines++ < mostLines) onLine(line)
  }
  const judge = (now: number) => {
    const due = [...watched].filter(({ judged, since }) => !judged && now - since > patience - together)
    const without = due.filter(({ target }) => target.captured() === 0)
    const silent = without.filter(one => !hasJustBegun(one) && !(hasMoved(one) && one.target.isBehind()))
    for (const one of due) one.judged = silent.includes(one) || !without.includes(one)
    if (silent.length > 0) void explain(silent, silent.length === watched.size)
  }
  const explain = async (silent: readonly Watched[], all: boolean) => {
    const facts = await Promise.all(silent.map(linkedFactsOf))
    for (const line of silenceLines(facts, all, patience / 1000)) say(line)
  }
  const lookForDirection = (one: Watched, now: number) => {
    if (one.firstPacket === undefined && one.target.captured() > 0) one.firstPacket = now
    if (directionTold || one.firstPacket === undefined || now - one.firstPacket < patience) return
    if (explainDirection(factsOf(one)) === undefined) return
    directionTold = true
    void linkedFactsOf(one).then(facts => say(explainDirection(facts) ?? ''))
  }
  const look = () => {
    const now = clock.now()
    judge(now)
    for (const one of watched) {
      one.settled = one.target.counters()
      lookForDirection(one, now)
      if (now - one.since > longest) watched.delete(one)
    }
    if (watched.size === 0 || lines >= mostLines) pause()
  }
  const pause = () => {
    stopClock?.()
    stopClock = undefined
  }
  return {
    watch(target) {
      const before = target.counters()
      const one: Watched = {
        ...{ target, since: clock.now(), before, settled: before },
        ...{ judged: false, firstPacket: undefined },
      }
      if (lines < mostLines) {
        watched.add(one)
        stopClock ??= clock.every(interval, look)
      }
      return () => void watched.delete(one)
    },
    close() {
      closed = true
      watched.clear()
      pause()
    },
  }
}

/** Traffic has only begun since the last look: whether it is captured shows by the next. */
function hasJustBegun(one: Watched): boolean {
  return !hasMoved(one) && hasMoved({ ...one, settled: one.target.counters() })
}

/** Packets have passed since the capture began. */
function hasMoved(one: Watched): boolean {
  return factsOf(one).interfaces?.some(nif => nif.captured && nif.received + nif.sent > 0) ?? false
}

/** What the counters and the links tell. */
async function linkedFactsOf(one: Watched): Promise<SilenceFacts> {
  const settled = factsOf(one)
  return { ...settled, ...withLinks(settled, await one.target.links().catch(() => [])) }
}

/** What the counters tell. */
function factsOf({ target, before, settled }: Watched): SilenceFacts {
  const { interfaces } = target
  const counted = (name: string, counters: DeviceCounters) => ({
    name,
    captured: interfaces.includes('any') || interfaces.includes(name),
    ...{ up: undefined, operstate: undefined, loopback: name === 'lo' },
    ...since(before?.get(name), counters),
  })
  return {
    ...target,
    interfaces: before && settled && [...settled].map(([name, counters]) => counted(name, counters)),
  }
}

/** The same with the state of the links. */
function withLinks({ interfaces }: SilenceFacts, links: readonly Link[]): Pick<SilenceFacts, 'interfaces'> {
  return {
    interfaces: interfaces?.map(nif => {
      const link = links.find(({ name }) => name === nif.name)
      return link === undefined ? nif : { ...nif, ...link, hasPeer: link.lower !== undefined }
    }),
  }
}

/** An interface that was made anew begins with nothing. */
function since(before: DeviceCounters | undefined, now: DeviceCounters): { received: number; sent: number } {
  return {
    received: Math.max(0, now.rxPackets - (before?.rxPackets ?? 0)),
    sent: Math.max(0, now.txPackets - (before?.txPackets ?? 0)),
  }
}

/** Bytes of the smallest packet in a capture file: an enhanced packet block without data (draft-ietf-opsawg-pcapng §4.3). */
const smallestPacket = 32

/**
 * For a dumpcap that counts nothing: whether it has written a packet since now, when it has said that it is armed. Its headers
 * were written before that, and of its messages only the last bytes may still come (dumpcap.c, capture_loop_start).
 * @returns 0 until there is one; then bytes
 */
export function packetsWrittenBy(pid: number, proc = '/proc'): () => number {
  const before = readBytesWritten(pid, proc) ?? 0
  return () => {
    const written = (readBytesWritten(pid, proc) ?? before) - before
    return written < smallestPacket ? 0 : written
  }
}
