/**
 * Memory for streams that are woven: pieces of one size that are used again, so that a stream of any rate makes no garbage.
 * Every block of pcapng is a multiple of 32 bits long, so a slab is looked at as words too, in host byte order.
 */

export interface Slab {
  readonly bytes: Buffer
  readonly words: Int32Array
  /** How many hold on to it; whoever lets go last gives it back. */
  uses: number
}

/** Slabs, and how many bytes of them are in use. */
export interface SlabPool {
  /** A slab of at least so many bytes, held once. */
  take(atLeast?: number): Slab
  /** Lets go of a slab. */
  drop(slab: Slab): void
  /** Bytes of the slabs that are held. */
  used(): number
}

/** Bytes of a slab; a pipe holds as much (pipe(7)). */
export const slabSize = 65_536

/** Free slabs that are kept for later; what is let go stays in memory until the garbage collector comes by. */
const mostFree = 256

/** A pool. It sets no limit: whoever fills slabs looks at {@link SlabPool.used}. */
export function slabPool(): SlabPool {
  const free: Slab[] = []
  let used = 0
  return {
    take(atLeast = slabSize) {
      const slab = (atLeast <= slabSize ? free.pop() : undefined) ?? makeSlab(Math.max(slabSize, atLeast))
      slab.uses = 1
      used += slab.bytes.length
      return slab
    },
    drop(slab) {
      if (--slab.uses > 0) return
      used -= slab.bytes.length
      if (slab.bytes.length === slabSize && free.length < mostFree) free.push(slab)
    },
    used: () => used,
  }
}

/** A slab of its own; its length is rounded up to whole words. */
export function makeSlab(length: number): Slab {
  const bytes = Buffer.allocUnsafeSlow(length + (-length & 3))
  return { bytes, words: new Int32Array(bytes.buffer, 0, bytes.length >> 2), uses: 1 }
}
