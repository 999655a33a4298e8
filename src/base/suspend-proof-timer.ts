/**
 * Time that this process has had itself. While it is stopped (SIGSTOP, a frozen control group, a debugger) the clocks go on,
 * and when it goes on, every timer has run out before anything is heard of what happened meanwhile. A wait in own time is made
 * of short steps, of which a stop costs one.
 */
import { setTimeout } from './timers.ts'

const maxStepMs = 250

/**
 * Does something when this process has had so many milliseconds.
 * @returns takes it back
 */
export function startSuspendProofTimer(milliseconds: number, action: () => void): () => void {
  let left = milliseconds
  let timer: NodeJS.Timeout
  const step = () => {
    const length = Math.min(left, maxStepMs)
    timer = setTimeout(() => {
      left -= length
      if (left > 0) step()
      else action()
    }, length)
  }
  step()
  return () => clearTimeout(timer)
}
