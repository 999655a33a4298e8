/**
 * One life of a target before its first byte: its interfaces are chosen, the filter is compiled, and what is to be written
 * down about it is gathered.
 */
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eachOf } from '../../base/each.ts'
import { RemoraError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { gatherContext } from '../../discover/resolve/context.ts'
import { gatewayNames, interfaceNames } from '../../discover/resolve/names.ts'
import type { ResolvedTarget } from '../../discover/resolve/resolve.ts'
import { isStillThere } from '../../linux/namespace/netns.ts'
import { type Network, readNetwork } from '../../linux/network/network.ts'
import { hasCapability } from '../../linux/process/proc.ts'
import { findTool } from '../../linux/programs/tools.ts'
import type { TargetContext } from '../../metadata/context.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { Head } from '../early/early-capture.ts'
import { type AwaitedTarget, release } from '../early/wait.ts'
import {
  bufferFor,
  capturesOfEach,
  maxInterfacesFor,
  type PlanOptions,
  planRoute,
  planSource,
  type SourcePlan,
} from '../plan/plan.ts'
import type { CaptureContext } from '../request/context.ts'
import type { Places } from '../request/places.ts'
import { type CaptureRequest, isForSeveral } from '../request/request.ts'
import { type LeftOut, withApplicableFilter } from '../taps/applicable.ts'
import { isGone } from '../taps/gone.ts'

/** One life of one target, ready to be captured. */
export interface PreparedLife {
  readonly plan: SourcePlan
  /** What is written down about the target. */
  readonly context: TargetContext
  readonly target: ResolvedTarget
  /** Interfaces it has, also those that are not captured. */
  readonly interfaces: readonly NetworkInterface[]
  /** Interfaces that are up and not captured, since the filter means nothing on them. */
  readonly leftOut: readonly LeftOut[]
  /** Plans again, for all of the interfaces that are up. */
  readonly replan: (interfaces: readonly NetworkInterface[]) => SourcePlan
  /** What was captured before the target was known, where it was waited for. */
  readonly head?: Head | undefined
  /** Releases the namespace and the head. Again does nothing. */
  close(): void
}

/** Lives that are prepared at a time: each starts processes. */
export const preparedAtOnce = 16

/**
 * Prepares lives that were found together; closes all of them when one cannot be captured. Of those that were waited for,
 * what has gone before it could be looked at is left out.
 * @throws RemoraError for everything that stands against one of them, LIMIT when they are too many
 */
export async function prepareLives(
  request: CaptureRequest,
  awaited: readonly AwaitedTarget[],
  context: CaptureContext & { readonly places: Places },
  signal: AbortSignal,
): Promise<PreparedLife[]> {
  if (awaited.length > 1) {
    try {
      context.places.check(awaited.length * capturesOfEach(request), `${awaited.length} targets`)
    } catch (error) {
      awaited.forEach(release)
      throw error
    }
  }
  const shares = {
    buffer: Math.min(context.buffer ?? Infinity, bufferFor(awaited.length)),
    maxInterfaces: maxInterfacesFor(awaited.length, context.places.free() / capturesOfEach(request)),
  }
  const prepare = async (one: AwaitedTarget): Promise<PromiseSettledResult<PreparedLife>> => {
    const how = { ...labelsOf(awaited, one, request), ...shares }
    const [result] = await Promise.allSettled([prepareLife(request, one, how, context, signal)])
    return result
  }
  const results = await eachOf(awaited, preparedAtOnce, prepare)
  const lives = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const isStale = (error: unknown) =>
    request.wait !== undefined && error instanceof RemoraError && error.code === 'TARGET_STALE'
  const failed = results.find(result => result.status === 'rejected' && !isStale(result.reason))
  if (failed?.status !== 'rejected') return lives
  for (const life of lives) life.close()
  throw failed.reason
}

/** What the interfaces of a target are named after, where there may be several. */
function labelsOf(
  all: readonly AwaitedTarget[],
  { target }: AwaitedTarget,
  request: CaptureRequest,
): Pick<PlanOptions, 'label'> {
  if (all.length < 2 && !(isForSeveral(request) && (request.follow || request.wait !== undefined))) return {}
  const name = shortName(target)
  const isOnly = all.filter(other => shortName(other.target) === name).length === 1
  return { label: isOnly ? name : target.reference }
}

function shortName({ type, name }: ResolvedTarget): string {
  return type === 'bindmount' ? basename(name) : name
}

/** What comes of a look at a target. */
type Planned = Network & Pick<PreparedLife, 'plan' | 'leftOut' | 'context'>

/** Looks at a target whose interfaces go before the filter has been compiled for them. */
const mostLooks = 5

/** Prepares the capture of one life of a target, which it owns from now on. */
async function prepareLife(
  request: CaptureRequest,
  { target, head, network }: AwaitedTarget,
  how: Pick<PlanOptions, 'label' | 'buffer' | 'maxInterfaces'>,
  { log = silentLog, counting = false }: CaptureContext,
  signal: AbortSignal,
): Promise<PreparedLife> {
  const { namespace } = target
  let closed = false
  const close = () => {
    if (closed) return
    closed = true
    head?.close()
    namespace.close()
  }
  try {
    if (request.immediate) findTool('tcpdump')
    log.info(`${target.reference}, netns ${namespace.inode}${head ? ', captured since it came' : ''}`)
    const { route } = planRoute(request, [target], head !== undefined)
    const options = { ...how, counting, woven: route === 'woven' || how.label !== undefined }
    const planFor = ({ interfaces, routes }: Network) => {
      const gateways = namespace.process === undefined ? gatewayNames(routes) : []
      const names = [...interfaceNames(target, interfaces), ...target.names, ...gateways]
      // What is waited for has its interfaces soon.
      const allowAny = request.wait === undefined || interfaces.some(({ up }) => up)
      return planSource(request, { ...target, names }, interfaces, { ...options, allowAny })
    }
    const replan = (interfaces: readonly NetworkInterface[]) =>
      planSource({ ...request, interfaces: [] }, target, interfaces, { ...options, allowAny: false })
    const onAny = () => planSource({ ...request, interfaces: ['any'] }, target, [], options)
    const onWait = head === undefined ? undefined : onAny
    const waiting = request.wait !== undefined
    const look = async (early: Promise<Network> | undefined, looks = 1): Promise<Planned> => {
      const known = await planWhenUp(planFor, onWait, { namespace, network: early }, waiting, signal)
      const gather = ({ dumpcap, woven }: SourcePlan) => {
        const captured = new Set(dumpcap.interfaces.map(({ name }) => name))
        return gatherContext(target, known.interfaces, {
          ...{ signal, routes: known.routes, offloads: woven },
          filterOf: name => (captured.has(name) ? dumpcap.filter : undefined),
        })
      }
      const gathering = gather(known.plan)
      // A filter that fails is told first; nobody waits for this one then.
      gathering.catch(() => {})
      // Without the right in our own hands only dumpcap itself can tell whether it may capture.
      const needsCheck = known.plan.dumpcap.filter !== '' || !hasCapability('netRaw')
      const checked = needsCheck
        ? await withApplicableFilter(known.plan, namespace, known.interfaces, signal).catch(error => {
            if (looks === mostLooks || !isGone(known.plan, error)) throw error
            return undefined
          })
        : { plan: known.plan, leftOut: [] }
      if (checked === undefined) return look(undefined, looks + 1)
      const context = await (checked.plan === known.plan ? gathering : gather(checked.plan))
      return { ...known, ...checked, context }
    }
    return { ...(await look(network)), target, replan, head, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Milliseconds between looks whether a target that was waited for has an interface now. */
const interfaceInterval = 200

/**
 * Plans as soon as there is an interface.
 * @throws RemoraError TARGET_STALE when it has gone, and nothing was captured of it
 * @param onAny plans for a target that has gone by then: its head may have all its packets
 */
async function planWhenUp(
  plan: (network: Network) => SourcePlan,
  onAny: (() => SourcePlan) | undefined,
  { namespace, network: early }: Pick<ResolvedTarget, 'namespace'> & Pick<AwaitedTarget, 'network'>,
  waiting: boolean,
  signal: AbortSignal,
): Promise<Network & Pick<PreparedLife, 'plan'>> {
  for (let reading = early; ; reading = undefined) {
    const network = await (reading ?? readNetwork(namespace, signal))
    try {
      return { plan: plan(network), ...network }
    } catch (error) {
      if (!waiting || !(error instanceof RemoraError) || error.code !== 'INTERFACE_NOT_FOUND') throw error
      if (!isStillThere(namespace)) {
        if (onAny !== undefined) return { plan: onAny(), ...network }
        throw new RemoraError('TARGET_STALE', 'it has ended before it could be captured', {
          cause: error,
          hint: 'Start it again; --follow catches the next one as soon as it is there.',
        })
      }
      await sleep(interfaceInterval, undefined, { signal })
    }
  }
}
