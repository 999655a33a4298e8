/**
 * What this host has to capture: found by this program itself, or asked from the service of this host where the user has
 * no rights of his own but may use that. What each way needs is loaded only when it is taken.
 */
import { localService, type RemoteService } from '../src/capture/service.ts'
import type { RunningTarget } from '../src/discover/list/running.ts'
import type { Target } from '../src/model/target.ts'
import { qualifiedName } from '../src/reference/grammar/containers.ts'
import { listTimeout } from './step.ts'

/**
 * Running containers and pods, newest first, what shares the network of another behind that one.
 * @param timeout milliseconds each engine has
 */
export async function listRunning(timeout: number, signal: AbortSignal): Promise<readonly RunningTarget[]> {
  if ((await localService()) === undefined) {
    return (await import('../src/discover/list/running.ts')).listRunningTargets(timeout, signal)
  }
  const targets = await listTargets(timeout, signal)
  return targets
    .filter(({ container, members }) => container !== undefined || members !== undefined)
    .map(target => ({ name: qualifiedName(target), type: target.type, reference: target.reference }))
}

/** Milliseconds a service has on top of its engines: it looks into every namespace. */
const serviceTime = 1_200

/** Everything that can be captured. */
export async function listTargets(timeout: number, signal: AbortSignal): Promise<readonly Target[]> {
  const service = await localService()
  if (service !== undefined) {
    const { listRemoteTargets } = await import('../src/capture/remote-list.ts')
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout + serviceTime)])
    return (await listRemoteTargets(service, limit)).targets
  }
  const { discover } = await import('../src/discover/list/discover.ts')
  return (await discover({ signal, timeout, interfaces: false })).targets
}

/** Names of the interfaces of a target that are up. */
export async function listInterfaces(reference: string, signal: AbortSignal): Promise<readonly string[]> {
  const service = await localService()
  if (service === undefined) {
    return (await import('../src/capture/taps/interfaces.ts')).listTargetInterfaces(reference, signal)
  }
  const { prepareRemote } = await import('../src/capture/remote.ts')
  const { reference: known } = await prepareRemote(askAbout(reference, service), signal)
  return (await listTargets(listTimeout, signal)).find(target => target.reference === known)?.interfaces ?? []
}

function askAbout(target: string, service: RemoteService) {
  const request = {
    targets: [target],
    interfaces: [],
    filter: '',
    promiscuous: false,
    stop: {},
    follow: false,
    names: false,
  }
  return { kind: 'request', service, request, includeSelf: false } as const
}
