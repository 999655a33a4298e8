/**
 * Reading pipes into which somebody writes often and little. dumpcap writes every packet by itself, so whoever reads would
 * be woken for each of them, and it costs the machine more than the packet does. A process that reads again right after
 * it has read rests first, and finds many packets in the pipe. No timer of node's is as short, so the whole process sleeps.
 */

/** Milliseconds of a rest; a pipe takes longer to fill, even at a gigabit a second. */
const restTime = 0.2
/** Milliseconds between two looks at the pipes that make a rest worth while: packets that come seldom are not kept. */
const soon = 1
/** Bytes of a look after which there is no rest: the pipe holds 65,536, and was nearly full. */
const plenty = 49_152

const bed = new Int32Array(new SharedArrayBuffer(4))
let taken = 0
let scheduled = false
let lookedAt = 0

/** To be called for what was read, with its length in bytes: rests once in a turn of the event loop, whoever reads. */
export function restAfter(bytes: number): void {
  taken += bytes
  if (scheduled) return
  scheduled = true
  setImmediate(rest)
}

function rest(): void {
  if (taken < plenty && performance.now() - lookedAt < soon) Atomics.wait(bed, 0, 0, restTime)
  lookedAt = performance.now()
  taken = 0
  scheduled = false
}
