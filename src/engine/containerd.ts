/**
 * containerd (1.0 and later) by its own gRPC API. Its containers live in containerd namespaces, which have nothing to do
 * with those of the kernel; ids are unique only within one. A container is a description, its task is what runs.
 */
import { join } from 'node:path'
import { countOf, parsedSpec, specConfiguration } from './answer.ts'
import { dockerNamespace, shimMonitors } from './containerd-shim.ts'
import { mayHaveTasks } from './containerd-state.ts'
import { type Configuration, type Container, type ContainerProcess, type Engine, newestFirst } from './engine.ts'
import { type Connection, unlessUnknown, untilAborted, withConnection } from './grpc.ts'
import { type EngineKind, localSocket } from './kind.ts'
import {
  containerdServer,
  containerdVersion,
  getContainerdContainer,
  getTask,
  listContainerdContainers,
  listNamespaces,
  listTasks,
  taskStatus,
} from './messages.ts'
import type { Decoded } from './protobuf.ts'
import { followTasks } from './task-events.ts'

/** The containerd behind a socket. */
export function containerdEngine(socket: string): Engine {
  return {
    name: 'containerd',
    address: socket,
    containers: async signal => {
      if (!mayHaveTasks(socket, namespace => namespace !== dockerNamespace)) return []
      return withConnection(socket, signal, async connection => {
        const lists = (await namespaces(connection)).map(namespace => containersOf(connection, socket, namespace))
        return (await Promise.all(lists)).flat().sort(newestFirst)
      })
    },
    process: (id, signal) => withConnection(socket, signal, connection => whereverItIs(connection, id, taskProcess)),
    configuration: (id, signal) =>
      withConnection(
        socket,
        signal,
        async connection => (await whereverItIs(connection, id, configurationOf)) ?? specConfiguration({}),
      ),
    about: signal =>
      withConnection(socket, signal, async connection => {
        const [{ uuid }, { version }] = await Promise.all([
          connection.call(containerdServer, {}),
          connection.call(containerdVersion, {}),
        ])
        return { id: uuid, version }
      }),
    follow: (observer, signal) =>
      untilAborted(socket, signal, connection =>
        followTasks(
          connection,
          () => observer.ready(),
          ({ namespace, id, kind }) => {
            if (namespace !== dockerNamespace) observer.event({ id: globalId(namespace, id), kind })
          },
        ),
      ),
  }
}

/** Names of containerd namespaces but Docker's: containerd knows neither the names nor the images of its containers. */
async function namespaces(connection: Connection): Promise<string[]> {
  const { namespaces } = await connection.call(listNamespaces, {})
  return namespaces.map(({ name }) => name).filter(name => isNamespace.test(name) && name !== dockerNamespace)
}

/** containerd's own rule for identifiers (identifiers/validate.go); any other could not be sent as metadata. */
const isNamespace = /^[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*$/

const inNamespace = (namespace: string) => ({ 'containerd-namespace': namespace })

async function containersOf(connection: Connection, socket: string, namespace: string): Promise<Container[]> {
  const [{ containers }, { tasks }] = await Promise.all([
    connection.call(listContainerdContainers, {}, inNamespace(namespace)),
    connection.call(listTasks, {}, inNamespace(namespace)),
  ])
  const tasksById = new Map(tasks.map(task => [task.id, task]))
  return containers.flatMap(container => {
    const task = tasksById.get(container.id)
    const process = task && processOf(task)
    if (task === undefined || process === undefined) return []
    return {
      engine: 'containerd',
      socket,
      id: globalId(namespace, container.id),
      name: qualified(namespace, container.labels['nerdctl/name'] || container.id),
      prefix: '',
      image: container.image,
      state: task.status === taskStatus.running ? 'running' : 'paused',
      created: container.createdAt?.seconds ?? 0,
      labels: container.labels,
      addresses: [],
      process,
      ...podOf(container.id, container.labels),
    } satisfies Container
  })
}

/** The label by which containerd's CRI marks what it made: `sandbox` or `container`. */
const criKind = 'io.cri-containerd.kind'

/** The pod of a container that the CRI made, as a kubelet labels it: where the CRI itself does not answer. */
function podOf(id: string, labels: Readonly<Record<string, string>>): Pick<Container, 'pod'> {
  const { [criKind]: kind, 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': namespace } = labels
  const sandbox = kind === 'sandbox'
  if (kind === undefined || (name === undefined && !sandbox)) return {}
  const whole = namespace === undefined ? name : `${namespace}/${name}`
  return { pod: { id: labels['io.kubernetes.pod.uid'] || id, name: whole ?? id.slice(0, 12), sandbox } }
}

/** What is known of a container in the containerd namespace that has it. */
async function whereverItIs<T>(
  connection: Connection,
  id: string,
  ask: (connection: Connection, namespace: string, id: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  const { namespace, id: idThere } = splitId(id)
  const places = namespace === undefined ? await namespaces(connection) : [namespace]
  const found = await Promise.all(places.map(place => unlessUnknown(ask(connection, place, idThere))))
  return found.find(answer => answer !== undefined)
}

async function taskProcess(
  connection: Connection,
  namespace: string,
  id: string,
): Promise<ContainerProcess | undefined> {
  const { process } = await connection.call(getTask, { containerId: id }, inNamespace(namespace))
  return process && processOf(process)
}

async function configurationOf(
  connection: Connection,
  namespace: string,
  id: string,
): Promise<Configuration | undefined> {
  const { container } = await connection.call(getContainerdContainer, { id }, inNamespace(namespace))
  return container?.spec && specConfiguration(parsedSpec(Buffer.from(container.spec.value).toString()))
}

const alive: readonly number[] = [taskStatus.running, taskStatus.pausing, taskStatus.paused]

/** A task has no start time, but most clients give each life a pipe of its own. */
function processOf({
  pid,
  status,
  stdout,
}: NonNullable<Decoded<typeof getTask.answer>['process']>): ContainerProcess | undefined {
  return alive.includes(status) && countOf(pid) > 0 ? { pid, incarnation: `${pid} ${stdout}` } : undefined
}

function qualified(namespace: string, name: string): string {
  return namespace === 'default' ? name : `${namespace}/${name}`
}

/** What Docker, the CRI and nerdctl give is unique everywhere; an id somebody chose may be there in two namespaces. */
const randomId = /^[0-9a-f]{64}$/

function globalId(namespace: string, id: string): string {
  return randomId.test(id) ? id : qualified(namespace, id)
}

/** Neither a namespace nor an id has a slash in it. A random id leaves the namespace open. */
function splitId(id: string): { namespace: string | undefined; id: string } {
  const [first = '', second] = id.split('/', 2)
  if (second !== undefined) return { namespace: first, id: second }
  return { namespace: randomId.test(id) ? undefined : 'default', id }
}

/** Known places of containerd's sockets: its own, Docker's, and those of Kubernetes distributions that bring one along. */
export function containerdPlaces(env: NodeJS.ProcessEnv): string[] {
  return [
    ...localSocket(env.CONTAINERD_ADDRESS?.replace(/^\//, 'unix:///')),
    '/run/containerd/containerd.sock',
    '/run/docker/containerd/containerd.sock',
    '/run/k3s/containerd/containerd.sock',
    '/run/k0s/containerd.sock',
    '/var/snap/microk8s/common/run/containerd.sock',
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'containerd/containerd.sock')] : []),
  ]
}

/** Other sockets of containerd: for its shims, and for debugging. */
const foreign = /\.ttrpc$|debug\.sock$/

/** containerd, where its sockets are and how its processes are called. */
export const containerd: EngineKind = {
  name: 'containerd',
  places: containerdPlaces,
  daemons: ['containerd'],
  namespaceFolders: () => ['/run/netns'],
  accepts: path => !foreign.test(path),
  open: containerdEngine,
  yieldsTo: { engine: 'cri', isMarked: labels => labels[criKind] !== undefined },
  traces: {
    groups: [/^nerdctl-([0-9a-f]{64})\.scope$/],
    looseGroups: [/^[\w.-]+\/([0-9a-f]{64})$/],
    monitors: shimMonitors,
  },
  fixes: { silent: 'sudo systemctl restart containerd' },
}
