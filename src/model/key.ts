/** What makes a target the same one, whatever it is called. */
import type { Target } from './target.ts'

/**
 * The key of a target: the life of its container or process, or its mount. A container that starts again is another target.
 * The key that a service sent counts, since only the service knows how it tells its targets apart.
 */
export function targetKey({ key, reference, container, members = [], netns, pid, startTime }: Target): string {
  if (key !== undefined) return key
  const holder = container ?? members.find(({ sandbox }) => sandbox) ?? members[0]
  return holder === undefined
    ? `${reference} ${netns} ${pid} ${startTime}`
    : `${holder.engine} ${holder.id} ${pid} ${startTime}`
}
