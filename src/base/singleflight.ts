/** Many callers of one costly action: whoever comes while it runs shares the next run, never a result begun before. */

/**
 * An action of which at most one run is under way and one is waited for.
 * @returns starts a run, or shares one that has not begun; fails as the action does
 */
export function singleflight<T>(action: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  let following: Promise<T> | undefined
  const start = (): Promise<T> => {
    const run = action().finally(() => {
      running = undefined
    })
    running = run
    return run
  }
  return () => {
    if (running === undefined) return start()
    const join = () => {
      following = undefined
      return start()
    }
    following ??= running.then(join, join)
    return following
  }
}
