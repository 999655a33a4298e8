/** LXC: it has no daemon to ask. LXD and Incus run their containers by its library, and name control groups like it. */
import type { Monitor, Traces } from './kind.ts'

/** LXC. */
export const lxc: Traces = {
  groups: [/^lxc\.payload\.(.+)$/, /^lxc\/([^/]+)$/],
  monitors: { 'lxc-start': {} },
}

/**
 * The monitor of liblxc in the daemon of LXD or Incus, whose name it bears. It calls itself `[lxc monitor] FOLDER NAME`, where they
 * have a folder below their own.
 */
export function lxcMonitor(owner: 'lxd' | 'incus'): Monitor {
  const title = new RegExp(`^\\[lxc monitor\\] /.*?/${owner}/containers ([^ /]+)$`)
  const trace: Monitor['trace'] = ([text = '']) => {
    const [, id] = title.exec(text.trimEnd()) ?? []
    return id === undefined ? undefined : { id, name: id.replace('_', '/') }
  }
  // The daemon itself watches over nothing.
  return { watches: args => trace(args) !== undefined, trace, knowsName: true }
}
