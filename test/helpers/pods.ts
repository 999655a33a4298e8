/** Pods and their containers, made through the CRI as a kubelet would. */
import { withConnection } from '../../src/engine/grpc.ts'
import { listPodSandbox, type Method } from '../../src/engine/messages.ts'
import type { Encodable, Message } from '../../src/engine/protobuf.ts'

export interface Pods {
  /** Runs an empty pod; the id of its sandbox. */
  runPod(name: string, labels?: Record<string, string>, annotations?: Record<string, string>): Promise<string>
  /** Runs a container in a pod, with the command of its image or another; its id. */
  runContainer(
    pod: string,
    name: string,
    labels?: Record<string, string>,
    command?: readonly string[],
    variables?: Record<string, string>,
  ): Promise<string>
  stopContainer(id: string): Promise<void>
  stopPod(id: string): Promise<void>
  removePod(id: string): Promise<void>
  removeAll(): Promise<void>
}

const metadata = { name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'], attempt: [4, 'number'] } as const
const containerMetadata = { name: [1, 'string'], attempt: [2, 'number'] } as const
const podConfig = { metadata: [1, metadata], labels: [6, 'map'], annotations: [7, 'map'], linux: [8, {}] } as const
const containerConfig = {
  metadata: [1, containerMetadata],
  image: [2, { image: [1, 'string'] }],
  command: [3, 'string', 'repeated'],
  envs: [6, { key: [1, 'string'], value: [2, 'string'] }, 'repeated'],
  labels: [9, 'map'],
  linux: [15, {}],
} as const
const podId = { podSandboxId: [1, 'string'] } as const
const containerId = { containerId: [1, 'string'] } as const

const method = <const Request extends Message, const Answer extends Message>(
  name: string,
  request: Request,
  answer: Answer,
): Method<Request, Answer> => ({ path: `/runtime.v1.RuntimeService/${name}`, request, answer })

const runPodSandbox = method('RunPodSandbox', { config: [1, podConfig] }, podId)
const createContainer = method(
  'CreateContainer',
  { podSandboxId: [1, 'string'], config: [2, containerConfig], sandboxConfig: [3, podConfig] },
  containerId,
)
const startContainer = method('StartContainer', containerId, {})
const stopContainer = method('StopContainer', { containerId: [1, 'string'], timeout: [2, 'number'] }, {})
const stopPodSandbox = method('StopPodSandbox', podId, {})
const removePodSandbox = method('RemovePodSandbox', podId, {})

/** Pods of the CRI behind a socket. */
export function podsOf(socket: string, image: string): Pods {
  const call = <Request extends Message, Answer extends Message>(
    called: Method<Request, Answer>,
    request: Encodable<Request>,
  ) => withConnection(socket, AbortSignal.timeout(30_000), connection => connection.call(called, request))
  const configs = new Map<string, Encodable<typeof podConfig>>()
  let attempt = 0
  const stopPod = async (podSandboxId: string) => void (await call(stopPodSandbox, { podSandboxId }))
  const removePod = async (podSandboxId: string) => {
    await stopPod(podSandboxId)
    await call(removePodSandbox, { podSandboxId })
  }
  return {
    async runPod(name, labels = {}, annotations = {}) {
      const identity = { name, namespace: 'lab', uid: `uid-of-${name}`, attempt: attempt++ }
      const config = { metadata: identity, labels, annotations, linux: {} }
      const { podSandboxId } = await call(runPodSandbox, { config })
      configs.set(podSandboxId, config)
      return podSandboxId
    },
    async runContainer(pod, name, labels = {}, command = [], variables = {}) {
      const envs = Object.entries(variables).map(([key, value]) => ({ key, value }))
      const config = { metadata: { name, attempt: attempt++ }, image: { image }, command, envs, labels, linux: {} }
      const sandboxConfig = configs.get(pod) ?? {}
      const created = await call(createContainer, { podSandboxId: pod, config, sandboxConfig })
      await call(startContainer, created)
      return created.containerId
    },
    stopContainer: async id => void (await call(stopContainer, { containerId: id, timeout: 0 })),
    stopPod,
    removePod,
    async removeAll() {
      for (const { id } of (await call(listPodSandbox, {})).items) await removePod(id)
    },
  }
}
