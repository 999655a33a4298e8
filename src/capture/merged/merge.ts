/**
 * Several captures in one section: each source is a lane, and what the lanes hold is merged by time into the sink. One
 * section, since Wireshark 4.0 mixes up interface names when a second one brings interfaces.
 *
 * Memory has a limit that all lanes share. While a packet only waits for its turn, a lane that is full is not read, and the
 * kernel's buffer takes over. When the sink takes nothing, lanes are read on, and packets are thrown away where they would
 * have stood: the next packet tells how many (epb_dropcount). So a source that is slow or dead never holds up the others.
 */

import { coalesceReads } from '../../base/read-coalescing.ts'
import { setTimeout } from '../../base/timers.ts'
import type { HostName } from '../../discover/resolve/resolve.ts'
import type { Sink } from '../../linux/files/sink.ts'
import { interfaceStatisticsBlock, nameResolutionBlock } from '../../pcapng/block.ts'
import { joined, type MergeOptions, merge } from '../../pcapng/merge.ts'
import { slabPool, slabSize } from '../../pcapng/slab.ts'
import { nameRecords, preludeLimit } from '../annotate/prelude.ts'
import type { CapturePlan } from '../plan/plan.ts'
import { type Intake, openSource, type Source, type SourceInput, type SourceOptions } from './merge-input.ts'
import { openStreamWriter, type StreamWriter } from './stream-writer.ts'

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
  readonly stop?: Pick<CapturePlan['stop'], 'packets' | 'filesize'>
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
  return new MergedStream(sink, settings)
}

class MergedStream implements Weave {
  readonly #settings: WeaveOptions
  readonly #interval: number
  readonly #pool = slabPool()
  readonly #sources: Source[] = []
  readonly #paused = new Set<Source>()
  readonly #controls: Buffer[] = []
  readonly #finished = Promise.withResolvers<void>()
  readonly #options: { -readonly [K in keyof MergeOptions]: MergeOptions[K] }
  readonly #writer: StreamWriter
  readonly #intake: Intake
  readonly #total = { packets: 0, lost: 0, late: 0 }
  #interfaces = 0
  #scheduled: 'soon' | 'now' | undefined
  #turnedAt = 0
  #timer: NodeJS.Timeout | undefined
  #isEnoughTold = false
  #isLateTold = false
  #closed = false
  #finishing = false

  constructor(sink: Sink, settings: WeaveOptions) {
    const { stop = {}, window, hold = false } = settings
    this.#settings = settings
    this.#interval = window > 0 ? turnInterval : 0
    this.#options = {
      ...{ pool: this.#pool, window, hold, now: 0, high: 0, low: 0 },
      left: stop.packets ?? Infinity,
    }
    const schedule = () => this.#schedule()
    this.#writer = openStreamWriter(sink, {
      onWritten: schedule,
      onFailed: failure => {
        if (this.#closed) return
        this.close()
        settings.onEnd?.(failure)
      },
    })
    this.#intake = {
      pool: this.#pool,
      describe: description => {
        this.add(description)
        return this.#interfaces++
      },
      take: (source, count, put) => this.#take(source, count, put),
      discards: source => this.#isFull(source) && this.#writer.isStalled(),
      onEnd: schedule,
    }
  }

  addNames(names: readonly HostName[]): void {
    const records = nameRecords(names)
    if (records.length > 0) this.add(nameResolutionBlock(records, preludeLimit))
  }

  add(block: Buffer): void {
    if (block.length > 0) this.#controls.push(block)
    this.#schedule()
  }

  open(from: SourceInput, options: SourceOptions = {}): WovenSource {
    const source = openSource(from, options, this.#intake)
    this.#sources.push(source)
    // One that comes when all has ended: whoever opened it waits for its end.
    if (this.#closed) this.#abandon()
    return {
      done: source.done.promise,
      conclude: statistics => {
        source.statistics = statistics
        source.concluded = true
        this.#schedule()
      },
      packets: () => source.packets,
      lost: () => source.lost + source.lane.lost(),
      cut: () => source.cut,
      lastTime: () => (source.packets === 0 ? undefined : joined(source.high, source.low)),
    }
  }

  written() {
    const sources = this.#sources
    const total = this.#total
    const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
    return {
      packets: total.packets + sum(sources.map(({ packets }) => packets)),
      bytes: this.#writer.written(),
      lost: total.lost + sum(sources.map(({ lost, lane }) => lost + lane.lost())),
      late: total.late + sum(sources.map(({ late }) => late)),
    }
  }

  finish(): Promise<void> {
    this.#finishing = true
    this.#schedule()
    return this.#finished.promise
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#abandon()
    this.#finished.resolve()
  }

  #schedule(): void {
    if (this.#scheduled === 'now' || this.#closed) return
    if (performance.now() - this.#turnedAt >= this.#interval || this.#pool.used() > muchWaiting) {
      this.#scheduled = 'now'
      setImmediate(() => this.#turn())
    } else if (this.#scheduled === undefined) {
      this.#scheduled = 'soon'
      setTimeout(() => this.#turn(), this.#interval)
    }
  }

  #turn(): void {
    this.#scheduled = undefined
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#turnedAt = performance.now()
    this.#mergeAll()
    this.#writer.flush()
    // One that waits is not to be waited for, so it is read again as soon as it has little left.
    const relieved = this.#pool.used() < this.#limit() / 2 || this.#writer.isStalled()
    for (const source of this.#paused) if (relieved || source.lane.queued < fairShare / 2) this.#resume(source)
    if (this.#finishing && this.#sources.length === 0 && !this.#writer.isWriting()) this.close()
  }

  /** Merges what may go now, for as long as there is room for it. */
  #mergeAll(): void {
    for (;;) {
      this.#options.now = Date.now()
      const end = this.#takeControls() ? merge(this.#sources, this.#writer.outlet(), this.#options) : 'full'
      this.#checkEnough()
      this.#checkLate()
      this.#retire()
      if (end === 'full' && this.#writer.isWriting()) return
      if (end !== 'full' && this.#controls.length === 0) {
        if (end !== undefined) this.#timer = setTimeout(() => this.#turn(), end)
        return
      }
      if (end === 'full') this.#writer.flush()
    }
  }

  /** @returns false when a block that must go first has no room yet */
  #takeControls(): boolean {
    const controls = this.#controls
    while (controls[0] !== undefined && this.#writer.put(controls[0])) controls.shift()
    return controls.length === 0
  }

  #checkEnough(): void {
    const { stop: { filesize = Infinity } = {}, onEnough } = this.#settings
    if (this.#writer.taken() >= filesize * 1024) this.#options.left = 0
    if (this.#options.left > 0 || this.#isEnoughTold) return
    this.#isEnoughTold = true
    onEnough?.()
  }

  #checkLate(): void {
    if (this.#isLateTold || !this.#sources.some(({ late }) => late > 0)) return
    this.#isLateTold = true
    this.#settings.onLate?.()
  }

  #retire(): void {
    const isOver = ({ lane, concluded }: Source) => concluded && lane.isEnded() && lane.segments.length === 0
    for (const source of this.#sources.filter(isOver)) {
      this.#sources.splice(this.#sources.indexOf(source), 1)
      const { lane, statistics, number } = source
      this.#controls.push(...lane.statistics)
      if (statistics !== undefined && number !== undefined) {
        this.#controls.push(interfaceStatisticsBlock(number, statistics, source))
      }
      this.#settle(source)
    }
  }

  /** Takes leave of a source: what it counted stays. */
  #settle(source: Source): void {
    source.lost += source.lane.lost()
    this.#total.packets += source.packets
    this.#total.lost += source.lost
    this.#total.late += source.late
    source.lane.close()
    source.done.resolve()
  }

  #limit(): number {
    return queueLimit + this.#sources.length * slabSize
  }

  #isFull({ lane }: Source): boolean {
    return this.#pool.used() > this.#limit() && lane.queued > fairShare
  }

  #resume(source: Source): void {
    this.#paused.delete(source)
    source.input.resume()
  }

  /** Takes in what came. @returns false when its source is to wait */
  #take(source: Source, count: number, put: () => void): boolean {
    this.#schedule()
    coalesceReads(count)
    try {
      put()
    } catch (error) {
      source.done.reject(error)
      source.lane.end()
      source.input.destroy()
      return false
    }
    if (!this.#isFull(source) || this.#writer.isStalled()) return true
    this.#paused.add(source)
    setTimeout(() => this.#schedule(), lookAgain)
    return false
  }

  #abandon(): void {
    for (const source of this.#sources.splice(0)) {
      source.input.destroy()
      this.#settle(source)
    }
  }
}
