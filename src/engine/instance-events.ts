/** What LXD and Incus tell of instances: a WebSocket at their unix socket, one JSON document a message (`/1.0/events`). */
import type { RawData } from 'ws'
import { membersOf, textOf } from './answer.ts'
import { connectTo } from './connect.ts'
import type { EngineEvent, EngineObserver } from './engine.ts'
import { unreachable } from './unreachable.ts'

const url = 'ws://localhost/1.0/events?type=lifecycle&all-projects=true'
/** Bytes of a message. */
const maxMessageBytes = 1024 * 1024
const handshakeTimeoutMs = 10_000

/** What the actions that matter mean; one that crashes shuts down. */
const actions: Record<string, EngineEvent['kind']> = {
  'instance-started': 'start',
  'instance-restarted': 'start',
  'instance-stopped': 'end',
  'instance-shutdown': 'end',
  'instance-paused': 'change',
  'instance-resumed': 'change',
  'instance-renamed': 'change',
  'instance-updated': 'change',
}

/** The id of an instance, by its project and its name. */
type IdOf = (project: string, name: string) => string

/**
 * Tells of instances until the signal aborts.
 * @throws RemoraError FORBIDDEN or PEER_FAILED when the engine cannot be asked, or ends the conversation
 */
export async function followInstances(
  socket: string,
  observer: EngineObserver,
  signal: AbortSignal,
  idOf: IdOf,
): Promise<void> {
  if (signal.aborted) return
  const { WebSocket } = await import('ws')
  const connection = new WebSocket(url, {
    createConnection: () => connectTo(socket),
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  })
  const end = () => connection.terminate()
  signal.addEventListener('abort', end, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error) => (signal.aborted ? resolve() : reject(unreachable(socket, error)))
      connection.once('open', () => observer.ready())
      const take = (bytes: RawData) => {
        try {
          const event = toEvent(JSON.parse(String(bytes)), idOf)
          if (event !== undefined) observer.event(event)
        } catch (error) {
          fail(error as Error)
        }
      }
      connection.on('message', take)
      connection.on('error', fail)
      connection.once('close', () => fail(new Error('the engine ended the stream')))
      if (signal.aborted) end()
    })
  } finally {
    signal.removeEventListener('abort', end)
    connection.terminate()
  }
}

/** `{project, metadata: {action, source}}`; the source is `/1.0/instances/NAME?project=PROJECT`. */
function toEvent(document: unknown, idOf: IdOf): EngineEvent | undefined {
  const { project, metadata } = membersOf(document)
  const { action, source } = membersOf(metadata)
  const kind = Object.hasOwn(actions, textOf(action)) ? actions[textOf(action)] : undefined
  const [, name] = /^\/1\.0\/instances\/([^/?]+)(?:\?|$)/.exec(textOf(source)) ?? []
  return kind === undefined || name === undefined
    ? undefined
    : { id: idOf(textOf(project) || 'default', decodeURIComponent(name)), kind, name: decodeURIComponent(name) }
}
