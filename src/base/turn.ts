/**
 * What keeps a hundred requests at once from stopping everything else (docs/performance.md). Looking through /proc takes
 * milliseconds, and so does starting a process: node stands still until the new one has had its share of a processor and
 * executes its program, the longer the more others have just been started. So such things wait in line here: one a turn of
 * the event loop, and only so many processes that start up at a time. Alone, nothing waits.
 */
import { availableParallelism } from 'node:os'

const line: (() => void)[] = []
let isTaken = false

/** Waits for a turn of the event loop in which nobody else has had one. */
export async function turn(): Promise<void> {
  if (isTaken) return new Promise(resolve => line.push(resolve))
  isTaken = true
  setImmediate(next)
}

function next(): void {
  const resolve = line.shift()
  if (resolve === undefined) isTaken = false
  else {
    resolve()
    setImmediate(next)
  }
}

/**
 * Processes that may start up at a time. One processor stays free: the kernel makes the buffers of a capture in one go, for
 * tens of milliseconds where it cannot be preempted, and with that on every processor this process would stand still too.
 */
const most = Math.max(1, availableParallelism() - 1)
/** Milliseconds a place is held at most, so that what hangs holds up nobody. */
const longest = 100

const waiting: (() => void)[] = []
let starting = 0

/**
 * Waits for a place to start a process in.
 * @returns gives the place back: the process is up, or has ended; by itself soon, if that is forgotten
 */
export async function startingPlace(): Promise<() => void> {
  if (starting < most) starting++
  else await new Promise<void>(resolve => waiting.push(resolve))
  await turn()
  let isHeld = true
  const leave = () => {
    if (!isHeld) return
    isHeld = false
    clearTimeout(timer)
    const heir = waiting.shift()
    if (heir === undefined) starting--
    else heir()
  }
  const timer = setTimeout(leave, longest)
  timer.unref()
  return leave
}
