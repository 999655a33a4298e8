/**
 * Podman through its Docker-compatible API: the rootful socket, the caller's own rootless one, and for root those of all
 * users. A socket is there only where `podman system service` or its systemd unit is.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { dockerApiEngine, existingSockets } from './docker-api.ts'
import type { Engine } from './engine.ts'

/** Podman engines whose sockets exist. */
export function findPodman(env: NodeJS.ProcessEnv): Engine[] {
  const named = env.CONTAINER_HOST?.startsWith('unix://') ? [env.CONTAINER_HOST.slice('unix://'.length)] : []
  const runtimeFolders = ['/run', ...(env.XDG_RUNTIME_DIR ? [env.XDG_RUNTIME_DIR] : []), ...userFolders()]
  return existingSockets([...named, ...runtimeFolders.map(folder => join(folder, 'podman/podman.sock'))]).map(path =>
    dockerApiEngine('podman', path),
  )
}

function userFolders(): string[] {
  try {
    return readdirSync('/run/user').map(user => join('/run/user', user))
  } catch {
    return []
  }
}
