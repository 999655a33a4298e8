/** Something that is raised by whoever notices, and waited for by one. */
export interface Signal {
  raise(): void
  /** Resolves when it has been raised since it was last waited for. */
  next(): Promise<void>
}

/** A signal that remembers that it was raised, not how often. */
export function makeSignal(): Signal {
  let raised = Promise.withResolvers<void>()
  return {
    raise: () => raised.resolve(),
    async next() {
      await raised.promise
      raised = Promise.withResolvers()
    },
  }
}
