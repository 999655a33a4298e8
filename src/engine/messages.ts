/**
 * The gRPC messages and methods remora uses, and of each message just the fields it uses. Field numbers are part of the
 * public protocols: containerd API v1 (containerd 1.0 and later), CRI v1, and v1alpha2 of equal numbers.
 */
import type { Message } from './protobuf.ts'

/** A method of a service: its path on the wire, and what goes there and back. */
export interface Method<Request extends Message, Answer extends Message> {
  readonly path: string
  readonly request: Request
  readonly answer: Answer
}

function method<const Request extends Message, const Answer extends Message>(
  path: string,
  request: Request,
  answer: Answer,
): Method<Request, Answer> {
  return { path, request, answer }
}

const empty = {} as const satisfies Message
const timestamp = { seconds: [1, 'number'] } as const satisfies Message

// --- containerd ---

const process = { id: [2, 'string'], pid: [3, 'number'], status: [4, 'number'], stdout: [6, 'string'] } as const

/** containerd.v1.types.Status */
export const taskStatus = { running: 2, paused: 4, pausing: 5 } as const

/** Names of the containerd namespaces (namespaces/v1/namespace.proto). */
export const listNamespaces = method('/containerd.services.namespaces.v1.Namespaces/List', empty, {
  namespaces: [1, { name: [1, 'string'] }, 'repeated'],
})

/** Descriptions of the containers of one namespace, that of the metadata (containers/v1/containers.proto). */
export const listContainerdContainers = method('/containerd.services.containers.v1.Containers/List', empty, {
  containers: [
    1,
    { id: [1, 'string'], labels: [2, 'map'], image: [3, 'string'], createdAt: [8, timestamp] },
    'repeated',
  ],
})

/** The description of one container, that of its process: an OCI runtime spec in JSON. */
export const getContainerdContainer = method(
  '/containerd.services.containers.v1.Containers/Get',
  { id: [1, 'string'] },
  { container: [1, { spec: [5, { value: [2, 'bytes'] }] }] },
)

/** What runs in one namespace (tasks/v1/tasks.proto). */
export const listTasks = method('/containerd.services.tasks.v1.Tasks/List', empty, { tasks: [1, process, 'repeated'] })

/** The task of one container. */
export const getTask = method(
  '/containerd.services.tasks.v1.Tasks/Get',
  { containerId: [1, 'string'] },
  { process: [1, process] },
)

/** Events of all namespaces, as long as the call lasts (events/v1/events.proto). */
export const subscribe = method(
  '/containerd.services.events.v1.Events/Subscribe',
  { filters: [1, 'string', 'repeated'] },
  { namespace: [2, 'string'], topic: [3, 'string'], event: [4, { value: [2, 'bytes'] }] },
)

/** The events of /tasks/… but for exit have the container at the same place. */
export const taskEvent = { containerId: [1, 'string'] } as const satisfies Message

/** `id` is that of the process: the container's for its first one. */
export const taskExit = { containerId: [1, 'string'], id: [2, 'string'] } as const satisfies Message

/** Version of containerd (version/v1/version.proto). */
export const containerdVersion = method('/containerd.services.version.v1.Version/Version', empty, {
  version: [1, 'string'],
})

/** The id that containerd has made for itself, and keeps (introspection/v1/introspection.proto). */
export const containerdServer = method('/containerd.services.introspection.v1.Introspection/Server', empty, {
  uuid: [1, 'string'],
})

// --- CRI ---

const cri = '/runtime.v1.RuntimeService'
const sandboxMetadata = { name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'] } as const

/** PodSandboxState */
export const sandboxState = { ready: 0 } as const
/** NamespaceMode; of a sandbox in the network of its node. */
export const namespaceMode = { node: 2 } as const
/** ContainerState */
export const containerState = { running: 1 } as const
/** ContainerEventType */
export const containerEventType = { created: 0, started: 1, stopped: 2, deleted: 3 } as const

/** Version of the runtime (runtime/v1/api.proto, as everything below). */
export const criVersion = method(`${cri}/Version`, empty, { runtimeVersion: [3, 'string'] })

/** Pods, also those that are not ready. Times are nanoseconds since 1970. */
export const listPodSandbox = method(`${cri}/ListPodSandbox`, empty, {
  items: [
    1,
    {
      id: [1, 'string'],
      metadata: [2, sandboxMetadata],
      state: [3, 'number'],
      createdAt: [4, 'number'],
      labels: [5, 'map'],
      annotations: [6, 'map'],
    },
    'repeated',
  ],
})

/** Containers, also those that do not run. Times are nanoseconds since 1970. */
export const listContainers = method(`${cri}/ListContainers`, empty, {
  containers: [
    1,
    {
      id: [1, 'string'],
      podSandboxId: [2, 'string'],
      metadata: [3, { name: [1, 'string'] }],
      image: [4, { image: [1, 'string'], userSpecifiedImage: [18, 'string'] }],
      imageRef: [5, 'string'],
      state: [6, 'number'],
      createdAt: [7, 'number'],
      labels: [8, 'map'],
      annotations: [9, 'map'],
    },
    'repeated',
  ],
})

/** One container; verbose, the process is among what the runtime adds in JSON (`info`). */
export const containerStatus = method(
  `${cri}/ContainerStatus`,
  { containerId: [1, 'string'], verbose: [2, 'boolean'] },
  { status: [1, { state: [3, 'number'], startedAt: [5, 'number'] }], info: [2, 'map'] },
)

/** One pod, with its addresses and whose network it has. */
export const podSandboxStatus = method(
  `${cri}/PodSandboxStatus`,
  { podSandboxId: [1, 'string'], verbose: [2, 'boolean'] },
  {
    status: [
      1,
      {
        state: [3, 'number'],
        createdAt: [4, 'number'],
        network: [5, { ip: [1, 'string'], additionalIps: [2, { ip: [1, 'string'] }, 'repeated'] }],
        linux: [6, { namespaces: [1, { options: [2, { network: [1, 'number'] }] }] }],
      },
    ],
    info: [2, 'map'],
  },
)

/** What happens to containers, as long as the call lasts. */
export const getContainerEvents = method(`${cri}/GetContainerEvents`, empty, {
  containerId: [1, 'string'],
  type: [2, 'number'],
})
