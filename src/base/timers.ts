/**
 * Timers and event handlers whose failure ends nothing: what they do is done again, or was not needed to go on. Want of
 * descriptors passes; any other failure is a fault of remora itself, and told to {@link onFault}.
 */
import { isExhaustion } from './errors.ts'
import { logFault } from './log.ts'

let report: (fault: unknown) => void = logFault

/** Has the faults of timers and handlers told to one listener, in place of the log that the environment names. */
export function onFault(listener: (fault: unknown) => void): void {
  report = listener
}

function failed(error: unknown): void {
  if (!isExhaustion(error)) report(error)
}

/** An action that never fails: neither at once nor, where it is asynchronous, later. */
export function guarded<A extends readonly unknown[]>(action: (...args: A) => unknown): (...args: A) => void {
  return (...args) => {
    try {
      const result = action(...args)
      if (result instanceof Promise) result.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}

/** The function of node with a guarded action. */
export function setTimeout(action: () => unknown, milliseconds: number): NodeJS.Timeout {
  return globalThis.setTimeout(guarded(action), milliseconds)
}

/** The function of node with a guarded action. */
export function setInterval(action: () => unknown, milliseconds: number): NodeJS.Timeout {
  return globalThis.setInterval(guarded(action), milliseconds)
}
