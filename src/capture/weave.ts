/**
 * Several captures in one section: each source is a lane, and what the lanes hold is merged by time into the sink. One
 * section, since Wireshark 4.0 mixes up interface names when a second one brings interfaces.
 *
 * Memory has a limit that all lanes share. While a packet only waits for its turn, a lane that is full is not read, and the
 * kernel's buffer takes over. When the sink takes nothing, lanes are read on, and packets are thrown away where they would
 * have stood: the next packet tells how many (epb_dropcount). So a source that is slow or dead never holds up the others.
 */
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { systemCode } from '../base/errors.ts'
import type { HostName } from '../discover/resolve.ts'
import type { Sink } from '../linux/sink.ts'
import { interfaceStatisticsBlock, nameResolutionBlock, withInterfaceName } from '../pcapng/block.ts'
import { type Accept, type Lane, openLane } from '../pcapng/lane.ts'
import { joined, type MergeOptions, merge, type Outlet, type Strand } from '../pcapng/merge.ts'
import { pcapReader } from '../pcapng/pcap.ts'
import { makeSlab, slabPool, slabSize } from '../pcapng/slab.ts'
import { nameRecords, preludeLimit } from './prelude.ts'
import type { StopConditions } from './request.ts'

/** Where a source's bytes come from: a descriptor of a pipe, which is the weave's from then on, or a stream. */
export type SourceInput = { readonly fd: number } | { readonly stream: Readable }

export interface SourceOptions extends Pick<Strand, 'comment'> {
  /** Name its interfaces get in the stream, in place of their own. */
  readonly name?: string
  readonly accept?: Accept | undefined
  /** What is added to every packet, once the link type of the interface is known. */
  readonly decorate?: ((linkType: number) => Strand['decorate']) | undefined
  /** Makes the description of the interface of a pcap source; a pcapng source brings its own. */
  readonly describe?: ((linkType: number, snaplen: number) => Buffer) | undefined
}

export interface WovenSource {
  /** Settles when its last packet has left, or will never: the weave has ended before. Fails with RangeError over bad input. */
  readonly done: Promise<void>
  /** The statistics of a pcap source, whose interfaces wait for them; undefined when there are none. */
  conclude(statistics: { readonly received: number; readonly dropped: number } | undefined): void
  packets(): number
  /** Packets lost in its queue. */
  lost(): number
  /** Time of its last packet, nanoseconds since 1970; undefined before the first. */
  lastTime(): bigint | undefined
}

export interface WeaveOptions {
  readonly stop?: Pick<StopConditions, 'packets' | 'filesize'>
  /** Milliseconds a packet waits for earlier ones of other sources. */
  readonly window: number
  /** Let every packet wait so long. */
  readonly hold?: boolean
  /** A stop condition is met; called once. Behind it only statistics are taken in. */
  readonly onEnough?: () => void
  /** Nobody reads any more (undefined), or the sink failed; called once. */
  readonly onEnd?: (failure: unknown) => void
}

export interface Weave {
  addNames(names: readonly HostName[]): void
  /** Writes blocks of its own, ahead of all packets that wait; the first begins with a section header. */
  add(blocks: Buffer): void
  /** Takes in a source up to its end. */
  open(input: SourceInput, options?: SourceOptions): WovenSource
  /** Packets and bytes written so far, and packets lost in queues. */
  written(): { readonly packets: number; readonly bytes: number; readonly lost: number }
  /** Settles when everything that was taken in has been written; then the weave is closed. */
  finish(): Promise<void>
  /** Ends at once. */
  close(): void
}

/** Bytes that may wait, beyond one slab for each source. */
const queueLimit = 12 * 1024 * 1024
/** Bytes any source may have in the queue, however full it is. */
const fairShare = 2 * slabSize
/** Milliseconds without a byte leaving until packets are thrown away. */
const longestStall = 1_000
/** Bytes written at once; the longest block, with what is added to it, fits. */
const outletSize = 9 * slabSize

interface Source extends Strand {
  readonly input: Readable
  readonly done: PromiseWithResolvers<void>
  statistics: { readonly received: number; readonly dropped: number } | undefined
  /** Nothing is to be said of it any more but what it says itself. */
  concluded: boolean
  number: number | undefined
}

/** Weaves sources into a sink, which stays the caller's. */
export function weaveInto(sink: Sink, settings: WeaveOptions): Weave {
  const { stop = {}, window, hold = false, onEnough = () => {}, onEnd = () => {} } = settings
  const pool = slabPool()
  const sources: Source[] = []
  const paused = new Set<Source>()
  const controls: Buffer[] = []
  const finished = Promise.withResolvers<void>()
  const options: { -readonly [K in keyof MergeOptions]: MergeOptions[K] } = {
    ...{ pool, window, hold, now: 0 },
    left: stop.packets ?? Infinity,
  }
  const total = { packets: 0, bytes: 0, lost: 0 }
  let outlet: Outlet = { slab: makeSlab(outletSize), fill: 0 }
  let spare: Outlet = { slab: makeSlab(outletSize), fill: 0 }
  let interfaces = 0
  let writingSince: number | undefined
  let scheduled = false
  let timer: NodeJS.Timeout | undefined
  let told = false
  let closed = false
  let finishing = false

  const schedule = () => {
    if (scheduled || closed) return
    scheduled = true
    setImmediate(turn)
  }

  const flush = () => {
    if (writingSince !== undefined || outlet.fill === 0) return
    const full = outlet
    outlet = spare
    spare = full
    outlet.fill = 0
    writingSince = performance.now()
    sink.write(full.slab.bytes.subarray(0, full.fill << 2)).then(
      () => {
        writingSince = undefined
        total.bytes += full.fill << 2
        schedule()
      },
      error => {
        if (closed) return
        close()
        onEnd(systemCode(error) === 'EPIPE' ? undefined : error)
      },
    )
  }

  /** @returns false when a block that must go first has no room yet */
  const takeControls = (): boolean => {
    for (let block = controls[0]; block !== undefined; block = controls[0]) {
      if (outlet.slab.bytes.length - (outlet.fill << 2) < block.length) return false
      block.copy(outlet.slab.bytes, outlet.fill << 2)
      outlet.fill += block.length >> 2
      controls.shift()
    }
    return true
  }

  const checkEnough = () => {
    const bytes = total.bytes + (writingSince === undefined ? 0 : spare.fill << 2) + (outlet.fill << 2)
    if (bytes >= (stop.filesize ?? Infinity) * 1024) options.left = 0
    if (options.left > 0 || told) return
    told = true
    onEnough()
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
    source.lane.close()
    source.done.resolve()
  }

  const turn = () => {
    scheduled = false
    clearTimeout(timer)
    if (closed) return
    for (;;) {
      options.now = Date.now()
      const end = takeControls() ? merge(sources, outlet, options) : 'full'
      checkEnough()
      retire()
      if (end === 'full' && writingSince !== undefined) break
      if (end !== 'full' && controls.length === 0) {
        if (end !== undefined) timer = setTimeout(turn, end)
        break
      }
      if (end === 'full') flush()
    }
    flush()
    // One that waits is not to be waited for, so it is read again as soon as it has little left.
    const relieved = pool.used() < limit() / 2 || isStalled()
    for (const source of paused) if (relieved || source.lane.queued < fairShare / 2) resume(source)
    if (finishing && sources.length === 0 && writingSince === undefined) close()
  }

  const limit = () => queueLimit + sources.length * slabSize
  const isFull = ({ lane }: Source) => pool.used() > limit() && lane.queued > fairShare
  const isStalled = () => writingSince !== undefined && performance.now() - writingSince > longestStall
  const resume = (source: Source) => {
    paused.delete(source)
    source.input.resume()
  }

  /** Takes in what came. @returns false when its source is to wait */
  const take = (source: Source, put: (discard: boolean) => void): boolean => {
    schedule()
    try {
      put(isFull(source) && isStalled())
    } catch (error) {
      source.done.reject(error)
      source.lane.end()
      source.input.destroy()
      return false
    }
    if (!isFull(source) || isStalled()) return true
    paused.add(source)
    setTimeout(schedule, longestStall + 1)
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

  return {
    addNames,
    add,
    open(from, { name, accept, describe, comment, decorate } = {}) {
      const lane = openLane({
        pool,
        accept,
        describe(block) {
          add(name === undefined ? block : withInterfaceName(block, name))
          source.decorate = decorate?.(linkTypeOf(block))
          source.number = interfaces
          return interfaces++
        },
      })
      const converter = describe && pcapReader(describe, bytes => lane.push(bytes, isFull(source) && isStalled()))
      const push = (chunk: Buffer) =>
        take(source, discard => (converter === undefined ? lane.push(chunk, discard) : converter(chunk)))
      const input =
        'stream' in from ? from.stream : readPipe(from.fd, lane, converter === undefined, take, () => source)
      const source: Source = {
        ...{ lane, comment, input, statistics: undefined, number: undefined },
        concluded: describe === undefined,
        ...{ packets: 0, lost: 0, high: 0, low: 0 },
        done: Promise.withResolvers(),
      }
      source.done.promise.catch(() => {})
      sources.push(source)
      input.on('error', () => {})
      input.once('close', () => {
        lane.end()
        schedule()
      })
      if (converter !== undefined || 'stream' in from) {
        input.on('data', (chunk: Buffer) => {
          if (!push(chunk)) input.pause()
        })
      }
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
        lost: () => source.lost + lane.lost(),
        lastTime: () => (source.packets === 0 ? undefined : joined(source.high, source.low)),
      }
    },
    written() {
      const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
      return {
        packets: total.packets + sum(sources.map(({ packets }) => packets)),
        bytes: total.bytes,
        lost: total.lost + sum(sources.map(({ lost, lane }) => lost + lane.lost())),
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

/** Reads a pipe; into the lane itself where nothing needs to be converted on the way. */
function readPipe(
  fd: number,
  lane: Lane,
  direct: boolean,
  take: (source: Source, put: (discard: boolean) => void) => boolean,
  source: () => Source,
): Socket {
  if (!direct) return new Socket({ fd, readable: true, writable: false })
  return new Socket({
    ...{ fd, readable: true, writable: false },
    onread: {
      buffer: () => lane.space(),
      callback: count => take(source(), discard => lane.commit(count, discard)),
    },
  })
}

/** Link type of an interface description, which is in host byte order. */
function linkTypeOf(description: Buffer): number {
  return new Uint16Array(Uint8Array.from(description.subarray(8, 10)).buffer)[0] ?? 0
}
