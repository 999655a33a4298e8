/** What an engine says of itself: its id and its version. */
import type { Engine } from './engine.ts'
import { withConnection } from './grpc.ts'
import { containerdVersion, criVersion } from './messages.ts'
import { getJson } from './socket-json.ts'

/** What identifies an engine; empty where it does not tell. */
export interface About {
  readonly id: string
  readonly version: string
}

/** Asks an engine; what it does not tell, or not in time, is empty. */
export async function askAbout(engine: Engine, signal: AbortSignal): Promise<About> {
  try {
    return await ask(engine, signal)
  } catch {
    return { id: '', version: '' }
  }
}

async function ask({ name, address }: Engine, signal: AbortSignal): Promise<About> {
  if (name === 'docker' || name === 'podman') {
    const info = ((await getJson(address, '/info', signal)) ?? {}) as { ID?: unknown; ServerVersion?: unknown }
    return { id: text(info.ID), version: text(info.ServerVersion) }
  }
  return withConnection(address, signal, async connection => {
    if (name === 'containerd') return { id: '', version: (await connection.call(containerdVersion, {})).version }
    return { id: '', version: (await connection.call(criVersion, {})).runtimeVersion }
  })
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
