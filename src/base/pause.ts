/** Standing still: the whole process, for less time than any timer of node's can tell. */

const bed = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread for so many milliseconds, which may be a fraction (Linux adds up to 0.05: prctl(2), timer slack). */
export function pause(milliseconds: number): void {
  Atomics.wait(bed, 0, 0, milliseconds)
}
