/**
 * How a capture is asked to end: politely once, then for good. One object for one capture; the face that owns the signals
 * of the process makes it.
 */

import { guarded } from '../../base/timers.ts'

/** The two wishes a capture can be told. */
export interface Lifetime {
  /** Aborts when the capture shall end and keep what it has. */
  readonly stop: AbortSignal
  /** Aborts when it shall end at once. */
  readonly kill: AbortSignal
}

/**
 * Signals of the process as a {@link Lifetime}. The first one asks; one that follows within half a second belongs to the
 * same wish, since Ctrl-C in a terminal reaches us and then the parent's SIGTERM does; a later one kills.
 */
export function signalLifetime(now: () => number = () => performance.now()): Lifetime {
  const stop = new AbortController()
  const kill = new AbortController()
  let asked: number | undefined
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(
      name,
      guarded(() => {
        if (asked === undefined) {
          asked = now()
          stop.abort(name)
        } else if (now() - asked > 500) {
          kill.abort(name)
        }
      }),
    )
  }
  return { stop: stop.signal, kill: kill.signal }
}
