/**
 * What happens to containers of a CRI: by its own events where it has them (containerd 1.7, CRI-O 1.26), else by those of
 * containerd, else by looking again and again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, EngineEvent, EngineObserver } from './engine.ts'
import { type Connection, failedWith } from './grpc.ts'
import { containerEventType, criVersion, getContainerEvents } from './messages.ts'
import { followTasks } from './task-events.ts'

/**
 * Tells of containers until the signal of the connection aborts.
 * @param list asks for all that run
 */
export async function followCri(
  connection: Connection,
  list: () => Promise<readonly Container[]>,
  observer: EngineObserver,
  signal: AbortSignal,
): Promise<void> {
  const ways = [
    () => followEvents(connection, observer),
    () => followContainerd(connection, observer, signal),
    () => followLists(list, observer, signal),
  ]
  for (const way of ways) {
    try {
      return await way()
    } catch (error) {
      if (!failedWith(error, 'UNIMPLEMENTED')) throw error
    }
  }
}

const eventKinds: Readonly<Record<number, EngineEvent['kind']>> = {
  [containerEventType.created]: 'change',
  [containerEventType.started]: 'start',
  [containerEventType.stopped]: 'end',
  [containerEventType.deleted]: 'change',
}

function followEvents(connection: Connection, observer: EngineObserver): Promise<void> {
  return connection.listen(
    getContainerEvents,
    {},
    {
      probe: criVersion,
      onReady: () => observer.ready(),
      onMessage: ({ containerId, type }) => {
        const kind = eventKinds[type]
        if (kind !== undefined) observer.event({ id: containerId, kind })
      },
    },
  )
}

/** The namespace of containerd in which its CRI keeps everything. */
const criNamespace = 'k8s.io'

/** Milliseconds after which the CRI of containerd has surely written down what the events of containerd told. */
const bookkeeping = 500

/** Tells everything twice, since the events of containerd come before its CRI lists what happened. */
function followContainerd(connection: Connection, observer: EngineObserver, signal: AbortSignal): Promise<void> {
  return followTasks(
    connection,
    () => observer.ready(),
    ({ namespace, id, kind }) => {
      if (namespace !== criNamespace) return
      observer.event({ id, kind })
      sleep(bookkeeping, undefined, { signal }).then(
        () => observer.event({ id, kind: 'change' }),
        () => {},
      )
    },
  )
}

/** Milliseconds between two looks. */
const interval = 2_000

async function followLists(
  list: () => Promise<readonly Container[]>,
  observer: EngineObserver,
  signal: AbortSignal,
): Promise<void> {
  const ids = async () => (await list()).map(({ id }) => id)
  let known = await ids()
  observer.ready()
  for (;;) {
    await sleep(interval, undefined, { signal })
    const now = await ids()
    for (const id of known.filter(one => !now.includes(one))) observer.event({ id, kind: 'end' })
    for (const id of now.filter(one => !known.includes(one))) observer.event({ id, kind: 'start' })
    known = now
  }
}
