/** Something that is raised by whoever notices, and waited for by one. */
export interface Latch {
  raise(): void
  /** Resolves when it has been raised since it was last waited for. */
  next(): Promise<void>
}

/** A latch that remembers that it was raised, not how often. */
export function makeLatch(): Latch {
  let raised = Promise.withResolvers<void>()
  return {
    raise: () => raised.resolve(),
    async next() {
      await raised.promise
      raised = Promise.withResolvers()
    },
  }
}
