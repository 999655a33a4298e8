/** Namespaces that a mount keeps alive, as Ghostwire names them: by the process that sees the mount, and its path there. */
import type { DescribedTarget } from './scheme.ts'

/**
 * The name of a namespace that a mount keeps alive, as Ghostwire has it: every mount is seen by a process, those of the host by
 * its first.
 */
export function mountName(name: string): string {
  return viewer.test(name) ? name : `/proc/1/ns/mnt:${name}`
}

/** A name of {@link mountName} without the process that sees the mount. */
export function pathOfMount(name: string): string {
  return name.replace(viewer, '')
}

const viewer = /^\/proc\/\d+\/ns\/mnt:/

/** Tells whether a target is the mount at a path: services name one of the host with the process that sees it, or without. */
export function isMountAt({ type, name }: DescribedTarget, path: string): boolean {
  return type === 'bindmount' && mountName(name) === mountName(path)
}
