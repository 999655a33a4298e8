/** Writes a woven stream into its sink: one buffer is filled while the other is on its way. */
import { systemCode } from '../../base/errors.ts'
import type { Sink } from '../../linux/files/sink.ts'
import type { Outlet } from '../../pcapng/merge.ts'
import { makeSlab, slabSize } from '../../pcapng/slab.ts'

/** Bytes written at once; the longest block, with what is added to it, fits. */
const outletSize = 9 * slabSize
/** Milliseconds without a byte leaving after which the sink counts as stalled. */
const longestStall = 1_000

/** The two buffers, and what became of them. */
export interface StreamWriter {
  /** The buffer to fill; another one after each {@link flush}. */
  outlet(): Outlet
  /** Puts a whole block into it. @returns false when it has no room */
  put(block: Buffer): boolean
  /** Hands over what is there, unless a write is on its way. */
  flush(): void
  isWriting(): boolean
  /** Nothing has left for {@link longestStall}. */
  isStalled(): boolean
  /** Bytes the sink has taken. */
  written(): number
  /** The same, with those that are on their way or wait. */
  taken(): number
}

interface WriterEvents {
  readonly onWritten: () => void
  /** The sink failed; undefined when nobody reads any more. */
  readonly onFailed: (failure: unknown) => void
}

/** Opens a writer over a sink, which stays the caller's. */
export function openStreamWriter(sink: Sink, { onWritten, onFailed }: WriterEvents): StreamWriter {
  let outlet: Outlet = { slab: makeSlab(outletSize), fill: 0 }
  let other: Outlet = { slab: makeSlab(outletSize), fill: 0 }
  let written = 0
  let writingSince: number | undefined

  return {
    outlet: () => outlet,
    put(block) {
      const { bytes } = outlet.slab
      if (bytes.length - (outlet.fill << 2) < block.length) return false
      block.copy(bytes, outlet.fill << 2)
      outlet.fill += block.length >> 2
      return true
    },
    flush() {
      if (writingSince !== undefined || outlet.fill === 0) return
      const full = outlet
      outlet = other
      other = full
      outlet.fill = 0
      writingSince = performance.now()
      sink.write(full.slab.bytes.subarray(0, full.fill << 2)).then(
        () => {
          writingSince = undefined
          written += full.fill << 2
          onWritten()
        },
        error => onFailed(systemCode(error) === 'EPIPE' ? undefined : error),
      )
    },
    isWriting: () => writingSince !== undefined,
    isStalled: () => writingSince !== undefined && performance.now() - writingSince > longestStall,
    written: () => written,
    taken: () => written + (writingSince === undefined ? 0 : other.fill << 2) + (outlet.fill << 2),
  }
}
