/**
 * The Docker Engine API (1.24 and later), as Docker and Podman speak it: a list for names, labels and addresses, an
 * inspection for the process. A paused container is not running for Podman, and not listed by it unless asked for.
 */
import type { ContainerEngine } from '../model/target.ts'
import { countOf, labelsOf, membersOf, textOf, textsOf } from './answer.ts'
import {
  type Container,
  type ContainerProcess,
  type Engine,
  type EngineEvent,
  newestFirst,
  startText,
} from './engine.ts'
import { getJson, getJsonList, streamJson } from './socket-json.ts'

const listPath = `/containers/json?filters=${encodeURIComponent('{"status":["running","paused"]}')}`
const eventsPath = `/events?filters=${encodeURIComponent('{"type":["container","network"]}')}`

/** The engine behind a socket that speaks the Docker Engine API. */
export function dockerApiEngine(name: ContainerEngine, socketPath: string): Engine {
  return {
    name,
    address: socketPath,
    async containers(signal) {
      return (await getJsonList(socketPath, listPath, signal))
        .filter(isListed)
        .map(container => toContainer(name, socketPath, container))
        .sort(newestFirst)
    },
    async process(id, signal): Promise<ContainerProcess | undefined> {
      const { State, RestartCount } = await inspect(socketPath, id, signal)
      const { Running, Paused, Pid, StartedAt } = membersOf(State)
      const pid = countOf(Pid)
      if (!(Running || Paused) || pid === 0) return undefined
      const started = Date.parse(textOf(StartedAt)) / 1000
      return {
        ...processFacts(pid, started),
        ...(typeof RestartCount === 'number' && { restarts: countOf(RestartCount) }),
      }
    },
    async configuration(id, signal) {
      const { Config, HostConfig } = await inspect(socketPath, id, signal)
      return { environment: textsOf(membersOf(Config).Env), annotations: labelsOf(membersOf(HostConfig).Annotations) }
    },
    follow(observer, signal) {
      const onDocument = (document: unknown) => {
        const event = toEvent(document)
        if (event !== undefined) observer.event(event)
      }
      return streamJson(socketPath, eventsPath, { onReady: () => observer.ready(), onDocument }, signal)
    },
  }
}

/** `{State, RestartCount, Config: {Env}, HostConfig: {Annotations}}`, of GET /containers/ID/json; nothing where there is no such container. */
async function inspect(socketPath: string, id: string, signal: AbortSignal) {
  return membersOf(await getJson(socketPath, `/containers/${encodeURIComponent(id)}/json`, signal))
}

/**
 * One life of a container, told by its process and its start.
 * @param started seconds since 1970; only whole ones count, since Podman's list has no more
 */
export function processFacts(pid: number, started: number): ContainerProcess {
  const startedAt = startText(started)
  return { pid, incarnation: `${pid} ${Math.floor(started)}`, ...(startedAt !== undefined && { startedAt }) }
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

/** `{Type, Action, Actor: {ID, Attributes: {name, container}}}`, an event of GET /events. */
function toEvent(document: unknown): EngineEvent | undefined {
  const { Type, Action, Actor } = membersOf(document)
  const { ID, Attributes } = membersOf(Actor)
  const { container, name } = labelsOf(Attributes)
  const action = textOf(Action)
  const kind = Object.hasOwn(actions, action) ? actions[action] : undefined
  const id = Type === 'network' ? container : textOf(ID)
  if (kind === undefined || !id) return undefined
  return { id, kind, ...(Type !== 'network' && name !== undefined && { name }) }
}

/** Whether a container of a list runs, and can be told from others. */
export function isListed({ Id, State }: Readonly<Record<string, unknown>>): boolean {
  return textOf(Id) !== '' && (State === 'running' || State === 'paused')
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

/**
 * `{Id, Names, Image, Created, State, Labels, HostConfig: {NetworkMode, Annotations}, NetworkSettings:
 * {Networks}}`, an element of GET /containers/json; Annotations since API 1.46.
 */
function toContainer(
  engine: ContainerEngine,
  socket: string,
  { Id, Names, Image, Created, State, Labels, HostConfig, NetworkSettings }: Readonly<Record<string, unknown>>,
): Container {
  const id = textOf(Id)
  const networks = Object.values(membersOf(membersOf(NetworkSettings).Networks)).map(membersOf)
  // A linked container is listed under its links too, as /other/alias; its own name has one slash.
  const own = textsOf(Names).find(known => known.lastIndexOf('/') === 0)
  const name = own?.slice(1) || id.slice(0, 12)
  const pod = podByName(name)
  const { NetworkMode, Annotations } = membersOf(HostConfig)
  const [, networkOf] = /^container:(.+)$/.exec(textOf(NetworkMode)) ?? []
  const annotations = labelsOf(Annotations)
  return {
    engine,
    socket,
    id,
    name,
    prefix: '',
    image: textOf(Image),
    state: State === 'paused' ? 'paused' : 'running',
    created: countOf(Created),
    labels: labelsOf(Labels),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    addresses: networks
      .flatMap(({ IPAddress, GlobalIPv6Address }) => [textOf(IPAddress), textOf(GlobalIPv6Address)])
      .filter(address => address !== ''),
    ...(pod && { pod }),
    ...(networkOf !== undefined && { networkOf }),
  }
}
