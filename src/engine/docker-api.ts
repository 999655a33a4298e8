/**
 * The Docker Engine API (1.24 and later), as Docker and Podman speak it: a list for names, labels and addresses, an
 * inspection for the process. A paused container is not running for Podman, and not listed by it unless asked for.
 */
import type { ContainerEngine } from '../target/model.ts'
import {
  type Container,
  type ContainerProcess,
  type Engine,
  type EngineEvent,
  newestFirst,
  startText,
} from './engine.ts'
import { getJson, streamJson } from './socket-json.ts'

const listPath = `/containers/json?filters=${encodeURIComponent('{"status":["running","paused"]}')}`
const eventsPath = `/events?filters=${encodeURIComponent('{"type":["container","network"]}')}`

/** The engine behind a socket that speaks the Docker Engine API. */
export function dockerApiEngine(name: ContainerEngine, socketPath: string): Engine {
  return {
    name,
    address: socketPath,
    async containers(signal) {
      const answer = await getJson(socketPath, listPath, signal)
      const listed: readonly ListedContainer[] = Array.isArray(answer) ? answer : []
      return listed
        .filter(({ State }) => State === 'running' || State === 'paused')
        .map(container => toContainer(name, socketPath, container))
        .sort(newestFirst)
    },
    async process(id, signal): Promise<ContainerProcess | undefined> {
      const path = `/containers/${encodeURIComponent(id)}/json`
      const { State, RestartCount } = ((await getJson(socketPath, path, signal)) ?? {}) as InspectedContainer
      if (!(State?.Running || State?.Paused) || !State.Pid) return undefined
      const started = Date.parse(State.StartedAt ?? '') / 1000
      return {
        ...processFacts(State.Pid, started),
        ...(typeof RestartCount === 'number' && { restarts: RestartCount }),
      }
    },
    follow(observer, signal) {
      const onDocument = (document: unknown) => {
        const event = toEvent((document ?? {}) as DockerEvent)
        if (event !== undefined) observer.event(event)
      }
      return streamJson(socketPath, eventsPath, { onReady: () => observer.ready(), onDocument }, signal)
    },
  }
}

/**
 * One life of a container, told by its process and its start.
 * @param started seconds since 1970; only whole ones count, since Podman's list has no more
 */
export function processFacts(pid: number, started: number): ContainerProcess {
  const startedAt = startText(started)
  return { pid, incarnation: `${pid} ${Math.floor(started)}`, ...(startedAt !== undefined && { startedAt }) }
}

/** The part of an event of GET /events that is used. */
interface DockerEvent {
  readonly Type?: string
  readonly Action?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Record<string, string> }
}

/** What the actions that matter mean; a container that crashes dies, and is never stopped. */
const actions: Record<string, EngineEvent['kind']> = {
  start: 'start',
  die: 'end',
  pause: 'change',
  unpause: 'change',
  rename: 'change',
  connect: 'change',
  disconnect: 'change',
}

function toEvent({ Type, Action = '', Actor }: DockerEvent): EngineEvent | undefined {
  const kind = Object.hasOwn(actions, Action) ? actions[Action] : undefined
  const id = Type === 'network' ? Actor?.Attributes?.container : Actor?.ID
  if (kind === undefined || id === undefined) return undefined
  const name = Type === 'network' ? undefined : Actor?.Attributes?.name
  return { id, kind, ...(name !== undefined && { name }) }
}

/** The part of GET /containers/json that is used. */
interface ListedContainer {
  readonly Id: string
  readonly Names?: readonly string[]
  readonly Image?: string
  readonly Created?: number
  readonly State?: string
  readonly Labels?: Record<string, string> | null
  readonly NetworkSettings?: { readonly Networks?: Record<string, ContainerNetwork | null> | null }
}

interface ContainerNetwork {
  readonly IPAddress?: string
  readonly GlobalIPv6Address?: string
}

/** The part of GET /containers/ID/json that is used. */
interface InspectedContainer {
  readonly State?: ContainerState
  readonly RestartCount?: number
}

interface ContainerState {
  readonly Running?: boolean
  readonly Paused?: boolean
  readonly Pid?: number
  readonly StartedAt?: string
}

const label = '[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?'
const podName = new RegExp(`^k8s_(POD|${label})_(${label})_(${label})_([-0-9a-f]+)_\\d+$`)

/**
 * The pod a container belongs to by its name: what Kubernetes runs through Docker (dockershim, cri-dockerd) is called
 * `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, and its sandbox's CONTAINER is POD.
 */
function podByName(name: string): Container['pod'] {
  const [, container, pod, namespace, id] = podName.exec(name) ?? []
  return id === undefined ? undefined : { id, name: `${namespace}/${pod}`, sandbox: container === 'POD' }
}

function toContainer(engine: ContainerEngine, socket: string, listed: ListedContainer): Container {
  const networks = Object.values(listed.NetworkSettings?.Networks ?? {})
  // A linked container is listed under its links too, as /other/alias; its own name has one slash.
  const name = (listed.Names?.find(known => known.lastIndexOf('/') === 0) ?? listed.Id.slice(0, 12)).replace(/^\//, '')
  const pod = podByName(name)
  return {
    engine,
    socket,
    id: listed.Id,
    name,
    prefix: '',
    image: listed.Image ?? '',
    state: listed.State === 'paused' ? 'paused' : 'running',
    created: listed.Created ?? 0,
    labels: listed.Labels ?? {},
    addresses: networks
      .flatMap(network => [network?.IPAddress ?? '', network?.GlobalIPv6Address ?? ''])
      .filter(address => address !== ''),
    ...(pod && { pod }),
  }
}
