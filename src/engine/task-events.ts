/**
 * What containerd's event service tells of tasks, in all its namespaces. The end of a process that was started in a
 * container later on (`exec`) is an exit, too, but not that of the container.
 */
import type { EngineEvent } from './engine.ts'
import type { Connection } from './grpc.ts'
import { containerdVersion, subscribe, taskEvent, taskExit } from './messages.ts'
import { type Decoded, decode } from './protobuf.ts'

/** What happened to the task of a container, in a namespace of containerd. */
export type TaskEvent = EngineEvent & { readonly namespace: string }

/** What the topics mean. Nothing is left to end when a task is deleted, but a list may show it differently. */
const topics: Record<string, EngineEvent['kind']> = {
  '/tasks/start': 'start',
  '/tasks/exit': 'end',
  '/tasks/paused': 'change',
  '/tasks/resumed': 'change',
  '/tasks/delete': 'change',
}

const filters = Object.keys(topics).map(topic => `topic=="${topic}"`)

/** Tells of tasks until the signal of the connection aborts. */
export function followTasks(
  connection: Connection,
  onReady: () => void,
  onEvent: (event: TaskEvent) => void,
): Promise<void> {
  const onMessage = (envelope: Decoded<typeof subscribe.answer>) => {
    const event = toEvent(envelope)
    if (event !== undefined) onEvent(event)
  }
  return connection.listen(subscribe, { filters }, { probe: containerdVersion, onReady, onMessage })
}

function toEvent({ namespace, topic, event }: Decoded<typeof subscribe.answer>): TaskEvent | undefined {
  const kind = Object.hasOwn(topics, topic) ? topics[topic] : undefined
  if (kind === undefined || event === undefined) return undefined
  if (kind !== 'end') return { namespace, kind, id: decode(taskEvent, event.value).containerId }
  const { containerId, id } = decode(taskExit, event.value)
  return id === containerId ? { namespace, kind, id } : undefined
}
