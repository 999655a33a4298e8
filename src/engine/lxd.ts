/** LXD: where its socket is, as a package of a distribution and as a snap. */
import { join } from 'node:path'
import { instancesEngine } from './instances-api.ts'
import type { EngineKind } from './kind.ts'
import { lxcMonitor } from './lxc.ts'

/** LXD. */
export const lxd: EngineKind = {
  name: 'lxd',
  places: ({ LXD_DIR, LXD_SOCKET }) => [
    ...(LXD_SOCKET ? [LXD_SOCKET] : []),
    ...(LXD_DIR ? [join(LXD_DIR, 'unix.socket')] : []),
    '/var/lib/lxd/unix.socket',
    '/var/snap/lxd/common/lxd/unix.socket',
  ],
  daemons: ['lxd'],
  namespaceFolders: () => [],
  // It listens for its containers, too (devlxd).
  accepts: path => path.endsWith('/unix.socket'),
  open: path => instancesEngine('lxd', path),
  groupsLike: 'lxc',
  traces: { monitors: { lxd: lxcMonitor('lxd') } },
  fixes: {
    forbidden: user => `sudo usermod -aG lxd ${user}  (then log in again)`,
    silent: 'sudo systemctl restart lxd  (or sudo snap restart lxd)',
  },
}
