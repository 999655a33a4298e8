/** Whether engines have told of anything: while nothing was told, what they said before still holds. */
import type { Engine } from '../../engine/engine.ts'
import { followEngine } from '../host/changes.ts'

/** The engines that are followed. */
export interface EngineWatch {
  /** Follows these too from now on. */
  follow(engines: readonly Engine[]): void
  /**
   * Whether nothing can have changed in engines since a moment.
   * @param answered addresses of those that answered then; the others must have begun to answer before anything changes
   */
  isQuiet(engines: readonly Engine[], answered: readonly string[], since: number): boolean
}

interface Followed {
  /** Since when everything is told; undefined while the engine cannot be followed. */
  ready: number | undefined
  told: number
}

/**
 * Follows engines until the signal aborts.
 * @param onGone called when an engine no longer answers
 */
export function watchEngines(signal: AbortSignal, onGone: (engine: Engine) => void): EngineWatch {
  const followed = new Map<string, Followed>()
  const keyOf = ({ name, address }: Engine) => `${name} ${address}`
  const followOne = (engine: Engine) => {
    const key = keyOf(engine)
    if (followed.has(key)) return
    const state: Followed = { ready: undefined, told: performance.now() }
    followed.set(key, state)
    void followEngine(
      engine,
      {
        signal,
        onChange(change) {
          state.told = performance.now()
          if (change.source !== 'engine') return
          state.ready = change.reachable ? state.told : undefined
          if (!change.reachable) onGone(engine)
        },
      },
      () => followed.delete(key),
    )
  }
  return {
    follow: engines => engines.forEach(followOne),
    isQuiet: (engines, answered, since) =>
      engines.every(engine => {
        const state = followed.get(keyOf(engine))
        if (state === undefined || state.told >= since) return false
        return !answered.includes(engine.address) || state.ready !== undefined
      }),
  }
}
