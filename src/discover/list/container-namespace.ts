/**
 * From a container to its open network namespace: the engine names a process, the process's namespace is opened, and
 * only when the engine still says the same is it the right one. So neither a restart nor a reused process number can
 * lead into another container. An engine that may not speak for the process is not believed.
 */
import { RemoraError } from '../../base/errors.ts'
import { hostAuthority, maySpeakFor } from '../../engine/authority.ts'
import type { Container, ContainerProcess, Engine } from '../../engine/engine.ts'
import { isStillThere, type NetworkNamespace, openIfThere, openProcessNamespace } from '../../linux/namespace/netns.ts'
import { makePidTranslator, type PidTranslator } from '../../linux/process/pid-namespace.ts'

const attempts = 3

/** Called with a namespace as soon as it is open; whoever opened it may still close it. */
export type OnOpen = (namespace: NetworkNamespace) => void

/** A container whose network namespace is open. */
export interface OpenedContainer {
  /** The caller closes it. */
  readonly namespace: NetworkNamespace
  /** What the engine says of the process it was opened through. */
  readonly process: ContainerProcess
}

/**
 * Opens the network namespace of a running container.
 * @param onOpen is told of the namespace while the engine is asked again; it may look into it, and is not told that it was wrong
 * @throws RemoraError TARGET_NOT_FOUND when it stopped, TARGET_STALE when it restarts faster than it can be opened, FORBIDDEN
 */
export async function openContainer(
  engine: Engine,
  container: Container,
  signal: AbortSignal,
  onOpen?: OnOpen,
): Promise<OpenedContainer> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await engine.process(container.id, signal)
    if (before === undefined) break
    const opened = await openThrough(before, engine, container, signal, onOpen)
    if (opened !== undefined) return opened
  }
  if ((await engine.process(container.id, signal)) === undefined) {
    throw new RemoraError('TARGET_NOT_FOUND', `the container ${container.name} has stopped`, {
      hint: 'Start it, and try again.',
    })
  }
  throw new RemoraError('TARGET_STALE', `the container ${container.name} restarts again and again`, {
    hint: `Look at its log: ${container.engine} logs ${container.name}`,
  })
}

/** Opens the namespace of a process; undefined when that is not, or no longer, the container's. */
async function openThrough(
  before: ContainerProcess,
  engine: Engine,
  container: Container,
  signal: AbortSignal,
  onOpen: OnOpen | undefined,
): Promise<OpenedContainer | undefined> {
  const pid = await hostPid(engine, before.pid, makePidTranslator(signal))
  const namespace = openIfThere(() => openProcessNamespace(pid))
  if (namespace === undefined) return undefined
  try {
    const isItsOwn = mayTellOf(engine, pid)
    // Else the number that was looked at may be another's by now.
    const isSame = isStillThere(namespace)
    if (isSame && !isItsOwn) throw notItsOwn(engine, container, pid)
    const asking = engine.process(container.id, signal)
    asking.catch(() => {})
    if (isSame) onOpen?.(namespace)
    const after = await asking
    if (isSame && after?.incarnation === before.incarnation) return { namespace, process: after }
  } catch (error) {
    namespace.close()
    throw error
  }
  namespace.close()
  return undefined
}

/** Whether an engine may tell of a process of this host. */
export function mayTellOf({ authority = hostAuthority }: Engine, pid: number): boolean {
  return maySpeakFor(authority, pid)
}

function notItsOwn({ name, address, authority }: Engine, container: Container, pid: number): RemoraError {
  const whose = `${name} at ${address}, which runs as user ${authority?.uid}`
  return new RemoraError(
    'TARGET_NOT_FOUND',
    `${container.name} is no container of ${whose}: process ${pid} is another's`,
    {
      hint: `If you trust it, capture pid:${pid}.`,
    },
  )
}

/** The number a process of an engine has here; 0 when there is none. */
export async function hostPid({ daemon }: Engine, pid: number, translate: PidTranslator): Promise<number> {
  return daemon === undefined ? pid : ((await translate(pid, daemon)) ?? 0)
}
