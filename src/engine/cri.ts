/**
 * The Container Runtime Interface of Kubernetes (CRI v1, and v1alpha2 before it), as containerd, CRI-O and others answer it. Pods
 * are sandboxes, their containers come and go in them; a restarted container is another one. Only the verbose status of
 * one tells its process, as JSON that is no part of the standard.
 */
import { RemoraError } from '../base/errors.ts'
import { parsedSpec, specConfiguration } from './answer.ts'
import { containerd, containerdPlaces } from './containerd.ts'
import { shimMonitors } from './containerd-shim.ts'
import { mayHaveTasks } from './containerd-state.ts'
import { addPodAddresses } from './cri-addresses.ts'
import { followCri } from './cri-events.ts'
import { inEitherVersion } from './cri-version.ts'
import {
  type Configuration,
  type Container,
  type ContainerProcess,
  type Engine,
  newestFirst,
  startText,
} from './engine.ts'
import { type Connection, failedWith, unlessUnknown, untilAborted, withConnection } from './grpc.ts'
import { conmonIdOptions, type EngineKind, localSocket } from './kind.ts'
import {
  containerdVersion,
  containerState,
  containerStatus,
  criVersion,
  listContainers,
  listPodSandbox,
  podSandboxStatus,
  sandboxState,
} from './messages.ts'
import type { Decoded } from './protobuf.ts'

type ListedSandbox = Decoded<typeof listPodSandbox.answer>['items'][number]
type ListedContainer = Decoded<typeof listContainers.answer>['containers'][number]

/** The runtime behind a socket. */
export function criEngine(socket: string): Engine {
  return {
    name: 'cri',
    address: socket,
    containers: async (signal, { addresses = false } = {}) => {
      if (!mayHaveTasks(socket, namespace => namespace === kubernetesNamespace)) return []
      return withConnection(socket, signal, async plain => {
        const connection = inEitherVersion(plain)
        const containers = await list(connection, socket)
        return addresses ? addPodAddresses(connection, containers) : containers
      })
    },
    process: (id, signal) =>
      withConnection(socket, signal, connection => processOf(inEitherVersion(connection), socket, id)),
    configuration: (id, signal) =>
      withConnection(socket, signal, connection => configurationOf(inEitherVersion(connection), id)),
    about: signal =>
      withConnection(socket, signal, async connection => {
        const { runtimeVersion } = await inEitherVersion(connection).call(criVersion, {})
        return { id: '', version: runtimeVersion }
      }),
    sharesSocket: true,
    follow: (observer, signal) =>
      untilAborted(socket, signal, connection =>
        followCri(connection, () => list(inEitherVersion(connection), socket), observer, signal),
      ),
  }
}

/** Where containerd keeps what it runs for the CRI. */
const kubernetesNamespace = 'k8s.io'

/** Sandboxes that are ready and containers that run; none where containerd is there without its CRI. */
async function list(connection: Connection, socket: string): Promise<Container[]> {
  try {
    const [{ items }, { containers }] = await Promise.all([
      connection.call(listPodSandbox, {}),
      connection.call(listContainers, {}),
    ])
    const ready = items.filter(({ state }) => state === sandboxState.ready)
    const sandboxes = new Map(ready.map(sandbox => [sandbox.id, sandbox]))
    const running = containers.filter(({ state }) => state === containerState.running)
    return [
      ...ready.map(sandbox => fromSandbox(socket, sandbox)),
      ...running.map(container => fromContainer(socket, container, sandboxes.get(container.podSandboxId))),
    ].sort(newestFirst)
  } catch (error) {
    if (!failedWith(error, 'UNIMPLEMENTED')) throw error
    if (await isContainerd(connection)) return []
    throw new RemoraError('PEER_FAILED', `the engine at ${socket} does not speak CRI v1 or v1alpha2`, {
      cause: error,
      hint: 'crictl version shows what it speaks.',
    })
  }
}

async function isContainerd(connection: Connection): Promise<boolean> {
  try {
    await connection.call(containerdVersion, {})
    return true
  } catch (error) {
    if (failedWith(error, 'UNIMPLEMENTED')) return false
    throw error
  }
}

/** Nanoseconds to seconds. */
const seconds = (nanoseconds: number) => Math.floor(nanoseconds / 1e9)

function fromSandbox(socket: string, sandbox: ListedSandbox): Container {
  return {
    engine: 'cri',
    socket,
    id: sandbox.id,
    name: sandbox.id,
    prefix: '',
    image: '',
    state: 'running',
    created: seconds(sandbox.createdAt),
    ...labelsOf(sandbox, sandbox),
    addresses: [],
    pod: podOf(sandbox.id, labelsOf(sandbox, sandbox).labels, true),
  }
}

function fromContainer(socket: string, container: ListedContainer, sandbox: ListedSandbox | undefined): Container {
  const told = labelsOf(container, sandbox)
  return {
    engine: 'cri',
    socket,
    id: container.id,
    name: container.metadata?.name || container.id.slice(0, 12),
    prefix: '',
    image: container.image?.userSpecifiedImage || container.image?.image || container.imageRef,
    state: 'running',
    created: seconds(container.createdAt),
    ...told,
    addresses: [],
    pod: podOf(container.podSandboxId, told.labels, false),
  }
}

/** Its labels, with the names of the pod as a kubelet would label them, and its annotations. */
function labelsOf(
  { labels, annotations }: Pick<ListedContainer, 'labels' | 'annotations'>,
  sandbox: ListedSandbox | undefined,
): { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> } {
  const { name = '', namespace = '', uid = '' } = sandbox?.metadata ?? {}
  const pod = { 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': namespace, 'io.kubernetes.pod.uid': uid }
  return {
    labels: { ...Object.fromEntries(Object.entries(pod).filter(([, value]) => value !== '')), ...labels },
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }
}

function podOf(id: string, labels: Record<string, string>, sandbox: boolean): NonNullable<Container['pod']> {
  const name = labels['io.kubernetes.pod.name'] ?? id.slice(0, 12)
  const namespace = labels['io.kubernetes.pod.namespace']
  return { id, name: namespace === undefined ? name : `${namespace}/${name}`, sandbox }
}

async function processOf(connection: Connection, socket: string, id: string): Promise<ContainerProcess | undefined> {
  const container = await unlessUnknown(connection.call(containerStatus, { containerId: id, verbose: true }))
  if (container !== undefined) {
    if (container.status?.state !== containerState.running) return undefined
    return verboseProcess(socket, id, container.info, container.status.startedAt)
  }
  const sandbox = await unlessUnknown(connection.call(podSandboxStatus, { podSandboxId: id, verbose: true }))
  if (sandbox?.status?.state !== sandboxState.ready) return undefined
  return verboseProcess(socket, id, sandbox.info, sandbox.status.createdAt)
}

/** Of a container; containerd and CRI-O add its OCI runtime spec to its verbose status. A sandbox runs nobody's program. */
async function configurationOf(connection: Connection, id: string): Promise<Configuration> {
  const container = await unlessUnknown(connection.call(containerStatus, { containerId: id, verbose: true }))
  return specConfiguration(parsedSpec(container?.info.info ?? '').runtimeSpec)
}

/** @throws RemoraError PEER_FAILED when the engine keeps the process to itself */
function verboseProcess(
  socket: string,
  id: string,
  { info = '{}' }: Readonly<Record<string, string>>,
  since: number,
): ContainerProcess | undefined {
  const pid = pidIn(info)
  if (pid === undefined) {
    throw new RemoraError('PEER_FAILED', `the engine at ${socket} does not tell the process of ${id.slice(0, 12)}`, {
      hint: `crictl inspect ${id.slice(0, 12)} shows what it tells; pid:NUMBER names the process itself.`,
    })
  }
  const startedAt = startText(seconds(since))
  return pid === 0 ? undefined : { pid, incarnation: `${pid} ${since}`, ...(startedAt !== undefined && { startedAt }) }
}

function pidIn(info: string): number | undefined {
  try {
    const { pid } = JSON.parse(info) as { pid?: unknown }
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid >= 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** The runtimes of Kubernetes. */
export const cri: EngineKind = {
  name: 'cri',
  // containerd answers the CRI at its own socket.
  places: env => [
    ...localSocket(env.CONTAINER_RUNTIME_ENDPOINT),
    '/run/crio/crio.sock',
    '/run/isulad.sock',
    '/run/cri-dockerd.sock',
    ...containerdPlaces(env),
  ],
  daemons: [...containerd.daemons, 'crio', 'isulad', 'cri-dockerd'],
  namespaceFolders: () => ['/run/netns'],
  accepts: containerd.accepts,
  open: criEngine,
  traces: {
    groups: [
      /(?:^|:)(?:cri-containerd|crio)[-:]([0-9a-f]{64})(?:\.scope)?$/,
      /^(?:k8s\.io|isulad|pod[0-9a-f-]{36}|kubepods[^/]*)\/([0-9a-f]{64})$/,
    ],
    monitors: { ...shimMonitors, conmon: { idOptions: conmonIdOptions } },
  },
  fixes: { silent: 'sudo systemctl restart containerd  (or crio)' },
}
