/**
 * Paths as another process means them. An absolute link under /proc/PID/root would lead back into our own root
 * (path_resolution(7)), so links are followed here, one component at a time, and none leads out.
 */
import { readlinkSync } from 'node:fs'
import { systemCode } from '../base/errors.ts'

/** As many links as the kernel follows (MAXSYMLINKS). */
const maximumLinks = 40

/**
 * The path under another root that a path means there, without links in it.
 * @param root folder that stands for `/`, as `/proc/1234/root`
 * @param blocked places in it at which nobody may be there to answer
 * @returns undefined when it leads nowhere, or to such a place
 */
export function resolveInRoot(
  root: string,
  path: string,
  blocked: ReadonlySet<string> = new Set(),
): string | undefined {
  const pending = path.split('/').reverse()
  let resolved: string[] = []
  for (let links = 0; pending.length > 0; ) {
    const name = pending.pop() ?? ''
    if (name === '' || name === '.') continue
    if (name === '..') {
      resolved.pop()
      continue
    }
    if (blocked.has('/') || blocked.has(`/${[...resolved, name].join('/')}`)) return undefined
    const target = linkTarget([root, ...resolved, name].join('/'))
    if (target === undefined) return undefined
    if (target === '') resolved.push(name)
    else {
      if (++links > maximumLinks) return undefined
      if (target.startsWith('/')) resolved = []
      pending.push(...target.split('/').reverse())
    }
  }
  return [root, ...resolved].join('/')
}

/** Where a link leads; empty for anything that is no link, undefined for nothing at all. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    return systemCode(error) === 'EINVAL' ? '' : undefined
  }
}
