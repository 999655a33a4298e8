/** One source of a woven stream: its bytes get from a pipe, or a stream, into a lane. */

import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { guarded } from '../../base/timers.ts'
import { withInterfaceName } from '../../pcapng/block.ts'
import { type Accept, type Lane, openLane } from '../../pcapng/lane.ts'
import type { Strand } from '../../pcapng/merge.ts'
import { pcapReader } from '../../pcapng/pcap.ts'
import type { SlabPool } from '../../pcapng/slab.ts'

/** Where a source's bytes come from: a descriptor of a pipe, which is the weave's from then on, or a stream. */
export type SourceInput = { readonly fd: number } | { readonly stream: Readable }

/** What is done to the packets of one source. */
export interface SourceOptions extends Pick<Strand, 'comment'> {
  /** Name its interfaces get in the stream, in place of their own; or what makes it of that. */
  readonly name?: string | ((own: string) => string)
  readonly accept?: Accept | undefined
  /** What is added to every packet, once the link type of the interface is known. */
  readonly decorate?: ((linkType: number) => Strand['decorate']) | undefined
  /** Makes the description of the interface of a pcap source; a pcapng source brings its own. */
  readonly describe?: ((linkType: number, snaplen: number) => Buffer) | undefined
  /** Called once, when a packet of a pcap source was cut. */
  readonly onCut?: (() => void) | undefined
}

/** A source that is taken in. */
export interface Source extends Strand {
  readonly input: Readable
  readonly done: PromiseWithResolvers<void>
  statistics: { readonly received: number; readonly dropped: number } | undefined
  /** Nothing is to be said of it any more but what it says itself. */
  concluded: boolean
  number: number | undefined
  /** Packets of a pcap source that are shorter than they should be. */
  cut: number
}

/** What a source asks of the stream it is woven into. */
export interface Intake {
  readonly pool: SlabPool
  /** Writes the description of an interface. @returns its number in the stream */
  describe(description: Buffer): number
  /**
   * Takes in bytes that have come.
   * @param put puts them into the lane
   * @returns false when the source is to wait, until it is resumed
   */
  take(source: Source, bytes: number, put: () => void): boolean
  /** Whether there is no room, and none to wait for: packets are counted as lost. */
  discards(source: Source): boolean
  /** Its last byte has come. */
  onEnd(): void
}

/** Opens a source; its input is the weave's from now on. */
export function openSource(from: SourceInput, options: SourceOptions, intake: Intake): Source {
  const { name, accept, describe, comment, decorate, onCut } = options
  const lane = openLane({
    pool: intake.pool,
    accept,
    describe(block) {
      source.decorate = decorate?.(linkTypeOf(block))
      source.number = intake.describe(name === undefined ? block : withInterfaceName(block, name))
      return source.number
    },
  })
  const push = (bytes: Buffer) => lane.push(bytes, intake.discards(source))
  const countCut = () => {
    if (source.cut++ === 0) onCut?.()
  }
  const convert = describe === undefined ? push : pcapReader(describe, push, countCut)
  const isDirect = 'fd' in from && describe === undefined
  const onRead = (count: number) => intake.take(source, count, () => lane.commit(count, intake.discards(source)))
  const input = 'stream' in from ? from.stream : openPipe(from.fd, isDirect ? { lane, onRead } : undefined)
  const source: Source = {
    ...{ lane, comment, input, statistics: undefined, number: undefined },
    concluded: describe === undefined,
    ...{ packets: 0, lost: 0, late: 0, high: 0, low: 0, cut: 0 },
    done: Promise.withResolvers(),
  }
  source.done.promise.catch(() => {})
  input.on('error', () => {})
  input.once(
    'close',
    guarded(() => {
      lane.end()
      intake.onEnd()
    }),
  )
  if (!isDirect) {
    input.on(
      'data',
      guarded((chunk: Buffer) => {
        if (!intake.take(source, chunk.length, () => convert(chunk))) input.pause()
      }),
    )
  }
  return source
}

/** Reads a pipe; right into a lane where nothing needs to be converted on the way. */
function openPipe(
  fd: number,
  direct: { readonly lane: Lane; readonly onRead: (count: number) => boolean } | undefined,
): Socket {
  const options = { fd, readable: true, writable: false }
  if (direct === undefined) return new Socket(options)
  const { lane, onRead } = direct
  return new Socket({ ...options, onread: { buffer: () => lane.space(), callback: onRead } })
}

/** Link type of an interface description, which is in host byte order. */
function linkTypeOf(description: Buffer): number {
  return new Uint16Array(Uint8Array.from(description.subarray(8, 10)).buffer)[0] ?? 0
}
