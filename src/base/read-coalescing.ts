/**
 * Reading pipes into which somebody writes often and little. dumpcap writes every packet by itself, so whoever reads would
 * be woken for each of them, and it costs the machine more than the packet does. A process that reads again right after
 * it has read pauses first, and finds many packets in the pipe. No timer of node's is as short, so the whole process sleeps.
 */
import { pause } from './pause.ts'

const pauseMs = 0.2
/** The longest time between two reads after which a pause is worth while: packets that come seldom are not kept. */
const maxReadIntervalMs = 1
/** Bytes of a look that found a pipe full: it holds 16 pages (pipe(7)), of which long packets leave nearly half empty. */
const fullPipeBytes = 32_768

let taken = 0
let scheduled = false
let lookedAt = 0

/** To be called for what was read, with its length in bytes: pauses once in a turn of the event loop, whoever reads. */
export function coalesceReads(bytes: number): void {
  taken += bytes
  if (scheduled) return
  scheduled = true
  setImmediate(pauseOnce)
}

function pauseOnce(): void {
  const now = performance.now()
  // Whoever writes has waited where a pipe was full.
  if (taken < fullPipeBytes && now - lookedAt < maxReadIntervalMs) pause(pauseMs)
  lookedAt = performance.now()
  taken = 0
  scheduled = false
}
