/**
 * Several captures in one section: each source is a lane, and what the lanes hold is merged by time into the sink. One
 * section, since Wireshark 4.0 mixes up interface names when a second one brings interfaces.
 *
 * Memory has a limit that all lanes share. While a packet only waits for its turn, a lane that is full is not read, and the
 * kernel's buffer takes over. When the sink takes nothing, lanes are read on, and packets are thrown away where they would
 * have stood: the next packet tells how many (epb_dropcount). So a source that is slow or dead never holds up the others.
 */

import { restAfter } from '../../base/rest.ts'
import { setTimeout } from '../../base/timers.ts'
import type { HostName } from '../../discover/resolve/resolve.ts'
import type { Sink } from '../../linux/files/sink.ts'
import { interfaceStatisticsBlock, nameResolutionBlock } from '../../pcapng/block.ts'
import { joined, type MergeOptions, merge } from '../../pcapng/merge.ts'
import { slabPool, slabSize } from '../../pcapng/slab.ts'
import { nameRecords, preludeLimit } from '../annotate/prelude.ts'
import type { StopConditions } from '../request/request.ts'
import { type Intake, openSource, type Source, type SourceInput, type SourceOptions } from './merge-input.ts'
import { openStreamWriter } from './stream-writer.ts'

/** A source that is taken in. */
export interface WovenSource {
  /** Settles when its last packet has left, or will never: the weave has ended before. Fails with RangeError over bad input. */
  readonly done: Promise<void>
  /** The statistics of a pcap source, whose interfaces wait for them; undefined when there are none. */
  conclude(statistics: { readonly received: number; readonly dropped: number } | undefined): void
  packets(): number
  /** Packets lost in its queue. */
  lost(): number
  /** Packets that the program which captured them has cut, below the snapshot length. */
  cut(): number
  /** Time of its last packet, nanoseconds since 1970; undefined before the first. */
  lastTime(): bigint | undefined
}

/** When the stream has enough, and how long packets wait. */
export interface WeaveOptions {
  readonly stop?: Pick<StopConditions, 'packets' | 'filesize'>
  /** Milliseconds a packet waits for earlier ones of other sources. */
  readonly window: number
  /** Let every packet wait so long. */
  readonly hold?: boolean
  /** A packet has come after the window, and stands out of order; called once. */
  readonly onLate?: () => void
  /** A stop condition is met; called once. Behind it only statistics are taken in. */
  readonly onEnough?: () => void
  /** Nobody reads any more (undefined), or the sink failed; called once. */
  readonly onEnd?: (failure: unknown) => void
}

/** A stream that sources are woven into. */
export interface Weave {
  addNames(names: readonly HostName[]): void
  /** Writes blocks of its own, ahead of all packets that wait; the first begins with a section header. */
  add(blocks: Buffer): void
  /** Takes in a source up to its end. */
  open(input: SourceInput, options?: SourceOptions): WovenSource
  /** Packets and bytes written so far, packets lost in queues, and packets that stand out of order. */
  written(): { readonly packets: number; readonly bytes: number; readonly lost: number; readonly late: number }
  /** Settles when everything that was taken in has been written; then the weave is closed. */
  finish(): Promise<void>
  /** Ends at once. */
  close(): void
}

/** Bytes that may wait, beyond one slab for each source. */
const queueLimit = 12 * 1024 * 1024
/** Bytes any source may have in the queue, however full it is. */
const fairShare = 2 * slabSize
/** Milliseconds until a source that waits is looked at again: the sink may have stalled meanwhile. */
const lookAgain = 1_001
/** Milliseconds between two turns, unless much waits or nothing is to wait: each turn costs a write. */
const turnInterval = 1
/** Bytes that do not wait for the next turn. */
const muchWaiting = 4 * slabSize

/** Weaves sources into a sink, which stays the caller's. */
export function weaveInto(sink: Sink, settings: WeaveOptions): Weave {
  const { stop = {}, window, hold = false, onEnough = () => {}, onLate = () => {}, onEnd = () => {} } = settings
  const interval = window > 0 ? turnInterval : 0
  const pool = slabPool()
  const sources: Source[] = []
  const paused = new Set<Source>()
  const controls: Buffer[] = []
  const finished = Promise.withResolvers<void>()
  const options: { -readonly [K in keyof MergeOptions]: MergeOptions[K] } = {
    ...{ pool, window, hold, now: 0, high: 0, low: 0 },
    left: stop.packets ?? Infinity,
  }
  const total = { packets: 0, lost: 0, late: 0 }
  let interfaces = 0
  let scheduled: 'soon' | 'now' | undefined
  let turnedAt = 0
  let timer: NodeJS.Timeout | undefined
  let told = false
  let lateTold = false
  let closed = false
  let finishing = false

  const schedule = () => {
    if (scheduled === 'now' || closed) return
    if (performance.now() - turnedAt >= interval || pool.used() > muchWaiting) {
      scheduled = 'now'
      setImmediate(turn)
    } else if (scheduled === undefined) {
      scheduled = 'soon'
      setTimeout(turn, interval)
    }
  }

  const writer = openStreamWriter(sink, {
    onWritten: schedule,
    onFailed(failure) {
      if (closed) return
      close()
      onEnd(failure)
    },
  })

  /** @returns false when a block that must go first has no room yet */
  const takeControls = (): boolean => {
    while (controls[0] !== undefined && writer.put(controls[0])) controls.shift()
    return controls.length === 0
  }

  const checkEnough = () => {
    if (writer.taken() >= (stop.filesize ?? Infinity) * 1024) options.left = 0
    if (options.left > 0 || told) return
    told = true
    onEnough()
  }

  const checkLate = () => {
    if (lateTold || !sources.some(({ late }) => late > 0)) return
    lateTold = true
    onLate()
  }

  const retire = () => {
    const isOver = ({ lane, concluded }: Source) => concluded && lane.isEnded() && lane.segments.length === 0
    for (const source of sources.filter(isOver)) {
      sources.splice(sources.indexOf(source), 1)
      const { lane, statistics, number } = source
      controls.push(...lane.statistics)
      if (statistics !== undefined && number !== undefined) {
        controls.push(interfaceStatisticsBlock(number, statistics, source))
      }
      settle(source)
    }
  }

  /** Takes leave of a source: what it counted stays. */
  const settle = (source: Source) => {
    source.lost += source.lane.lost()
    total.packets += source.packets
    total.lost += source.lost
    total.late += source.late
    source.lane.close()
    source.done.resolve()
  }

  const turn = () => {
    scheduled = undefined
    clearTimeout(timer)
    if (closed) return
    turnedAt = performance.now()
    for (;;) {
      options.now = Date.now()
      const end = takeControls() ? merge(sources, writer.outlet(), options) : 'full'
      checkEnough()
      checkLate()
      retire()
      if (end === 'full' && writer.isWriting()) break
      if (end !== 'full' && controls.length === 0) {
        if (end !== undefined) timer = setTimeout(turn, end)
        break
      }
      if (end === 'full') writer.flush()
    }
    writer.flush()
    // One that waits is not to be waited for, so it is read again as soon as it has little left.
    const relieved = pool.used() < limit() / 2 || writer.isStalled()
    for (const source of paused) if (relieved || source.lane.queued < fairShare / 2) resume(source)
    if (finishing && sources.length === 0 && !writer.isWriting()) close()
  }

  const limit = () => queueLimit + sources.length * slabSize
  const isFull = ({ lane }: Source) => pool.used() > limit() && lane.queued > fairShare
  const resume = (source: Source) => {
    paused.delete(source)
    source.input.resume()
  }

  /** Takes in what came. @returns false when its source is to wait */
  const take = (source: Source, count: number, put: () => void): boolean => {
    schedule()
    restAfter(count)
    try {
      put()
    } catch (error) {
      source.done.reject(error)
      source.lane.end()
      source.input.destroy()
      return false
    }
    if (!isFull(source) || writer.isStalled()) return true
    paused.add(source)
    setTimeout(schedule, lookAgain)
    return false
  }

  const close = () => {
    if (closed) return
    closed = true
    clearTimeout(timer)
    abandon()
    finished.resolve()
  }

  const abandon = () => {
    for (const source of sources.splice(0)) {
      source.input.destroy()
      settle(source)
    }
  }

  const add = (block: Buffer) => {
    if (block.length > 0) controls.push(block)
    schedule()
  }

  const addNames = (names: readonly HostName[]) => {
    const records = nameRecords(names)
    if (records.length > 0) add(nameResolutionBlock(records, preludeLimit))
  }

  const intake: Intake = {
    pool,
    describe(description) {
      add(description)
      return interfaces++
    },
    take,
    discards: source => isFull(source) && writer.isStalled(),
    onEnd: schedule,
  }

  return {
    addNames,
    add,
    open(from, options = {}) {
      const source = openSource(from, options, intake)
      sources.push(source)
      // One that comes when all has ended: whoever opened it waits for its end.
      if (closed) abandon()
      return {
        done: source.done.promise,
        conclude(statistics) {
          source.statistics = statistics
          source.concluded = true
          schedule()
        },
        packets: () => source.packets,
        lost: () => source.lost + source.lane.lost(),
        cut: () => source.cut,
        lastTime: () => (source.packets === 0 ? undefined : joined(source.high, source.low)),
      }
    },
    written() {
      const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
      return {
        packets: total.packets + sum(sources.map(({ packets }) => packets)),
        bytes: writer.written(),
        lost: total.lost + sum(sources.map(({ lost, lane }) => lost + lane.lost())),
        late: total.late + sum(sources.map(({ late }) => late)),
      }
    },
    finish() {
      finishing = true
      schedule()
      return finished.promise
    },
    close,
  }
}
