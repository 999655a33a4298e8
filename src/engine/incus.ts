/** Incus: where its socket is. That of plain users (`unix.socket.user`) makes a project for whoever asks, so it is left alone. */
import { join } from 'node:path'
import { instancesEngine } from './instances-api.ts'
import type { EngineKind } from './kind.ts'
import { lxcMonitor } from './lxc.ts'

/** Incus. */
export const incus: EngineKind = {
  name: 'incus',
  places: ({ INCUS_DIR, INCUS_SOCKET }) => [
    ...(INCUS_SOCKET ? [INCUS_SOCKET] : []),
    ...(INCUS_DIR ? [join(INCUS_DIR, 'unix.socket')] : []),
    '/run/incus/unix.socket',
    '/var/lib/incus/unix.socket',
  ],
  daemons: ['incusd'],
  namespaceFolders: () => [],
  accepts: path => path.endsWith('/unix.socket'),
  open: path => instancesEngine('incus', path),
  groupsLike: 'lxc',
  traces: { monitors: { incusd: lxcMonitor('incus') } },
  fixes: {
    forbidden: user => `sudo usermod -aG incus-admin ${user}  (then log in again)`,
    silent: 'sudo systemctl restart incus',
  },
}
