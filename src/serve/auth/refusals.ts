/** The log of those who were turned away: at once the first time, then together, so that a flood cannot fill it. */
import type { Logger } from 'pino'
import { setInterval } from '../../base/timers.ts'

/** Tells who was turned away, and why. */
export interface Refusals {
  /** @param peer the client, as limits count it */
  note(peer: string, reason: string): void
}

/** Milliseconds between two lines on one client and one reason. */
const interval = 10_000
/** Clients and reasons that are counted apart at a time; the rest counts together. */
const maxCounted = 1_000

/** Nobody was turned away yet. */
export function makeRefusals(log: Logger): Refusals {
  const counts = new Map<string, { readonly peer: string; readonly reason: string; count: number }>()
  const write = (peer: string, reason: string, count: number) => log.warn({ peer, reason, count }, 'turned away')
  return {
    note(peer, reason) {
      const own = `${peer} ${reason}`
      const isFull = counts.size >= maxCounted && !counts.has(own)
      const key = isFull ? reason : own
      const known = counts.get(key)
      if (known !== undefined) {
        known.count++
        return
      }
      const shown = isFull ? 'others' : peer
      const entry = { peer: shown, reason, count: 0 }
      counts.set(key, entry)
      write(shown, reason, 1)
      const timer = setInterval(() => {
        if (entry.count === 0) {
          clearInterval(timer)
          counts.delete(key)
          return
        }
        write(entry.peer, entry.reason, entry.count)
        entry.count = 0
      }, interval)
      timer.unref()
    },
  }
}
