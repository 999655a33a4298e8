/** What an engine says of itself: its id and its version. */
import { membersOf, textOf } from './answer.ts'
import { inEitherVersion } from './cri-version.ts'
import type { Engine } from './engine.ts'
import { withConnection } from './grpc.ts'
import { containerdServer, containerdVersion, criVersion } from './messages.ts'
import { getHeader, getJson } from './socket-json.ts'

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
  if (name === 'docker') {
    const { ID, ServerVersion } = membersOf(await getJson(address, '/info', signal))
    return { id: textOf(ID), version: textOf(ServerVersion) }
  }
  // Podman makes an id up for each answer, and takes a second to say its version in one; every answer has it in a header.
  if (name === 'podman') return { id: '', version: await getHeader(address, '/_ping', 'libpod-api-version', signal) }
  return withConnection(address, signal, async connection => {
    if (name !== 'containerd')
      return { id: '', version: (await inEitherVersion(connection).call(criVersion, {})).runtimeVersion }
    const [{ uuid }, { version }] = await Promise.all([
      connection.call(containerdServer, {}),
      connection.call(containerdVersion, {}),
    ])
    return { id: uuid, version }
  })
}
