/**
 * One life of a target before its first byte: its interfaces are chosen, the filter is compiled, and what is to be written
 * down about it is gathered.
 */
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoraError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { mapLimit } from '../../base/map-limit.ts'
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
  mayBecomeSeveral,
  type PlanOptions,
  planSource,
  type Route,
  type SourcePlan,
} from '../plan/plan.ts'
import type { CaptureContext } from '../request/context.ts'
import type { Places } from '../request/places.ts'
import type { CaptureRequest } from '../request/request.ts'
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
  /** What was captured before the target was known, where it was waited for. */
  readonly head?: Head | undefined
  /** Releases the namespace and the head. Again does nothing. */
  close(): void
}

/** Lives that are prepared at a time: each starts processes. */
export const preparedAtOnce = 16

/** What lives are prepared for. */
export interface Preparation {
  readonly request: CaptureRequest
  readonly route: Route['route']
  readonly context: CaptureContext & { readonly places: Places }
  readonly signal: AbortSignal
}

/**
 * Prepares lives that were found together; closes all of them when one cannot be captured. Of those that were waited for,
 * what has gone before it could be looked at is left out.
 * @throws RemoraError for everything that stands against one of them, LIMIT when they are too many
 */
export async function prepareLives(
  preparation: Preparation,
  awaited: readonly AwaitedTarget[],
): Promise<PreparedLife[]> {
  const { request } = preparation
  checkCount(preparation, awaited)
  const shares = sharesOf(preparation, awaited.length)
  const results = await mapLimit(
    awaited,
    preparedAtOnce,
    async (one: AwaitedTarget): Promise<PromiseSettledResult<PreparedLife>> => {
      const options = { ...shares, ...labelOf(awaited, one, preparation) }
      const [result] = await Promise.allSettled([prepareLife({ ...preparation, ...one, options })])
      return result
    },
  )
  const lives = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find(result => result.status === 'rejected' && !isStale(request, result.reason))
  if (failed?.status !== 'rejected') return lives
  for (const life of lives) life.close()
  throw failed.reason
}

/** Refuses more targets than have places; they are closed then. */
function checkCount({ request, context }: Preparation, awaited: readonly AwaitedTarget[]): void {
  if (awaited.length < 2) return
  try {
    context.places.check(awaited.length * capturesOfEach(request), `${awaited.length} targets`)
  } catch (error) {
    awaited.forEach(release)
    throw error
  }
}

/** What each of so many targets has of what they share. */
function sharesOf({ request, route, context }: Preparation, targets: number): PlanOptions {
  return {
    woven: route === 'woven',
    several: targets > 1 || mayBecomeSeveral(request),
    buffer: Math.min(context.buffer ?? Infinity, bufferFor(targets)),
    maxInterfaces: maxInterfacesFor(targets, context.places.free() / capturesOfEach(request)),
  }
}

/** Whether what was waited for has gone before it could be looked at. */
function isStale({ wait }: CaptureRequest, error: unknown): boolean {
  return wait !== undefined && error instanceof RemoraError && error.code === 'TARGET_STALE'
}

/** What the interfaces of a target are named after, where there may be several. */
function labelOf(
  all: readonly AwaitedTarget[],
  { target }: AwaitedTarget,
  { request, route }: Preparation,
): Pick<PlanOptions, 'label'> {
  if (route === 'direct' || (all.length < 2 && !mayBecomeSeveral(request))) return {}
  const name = shortName(target)
  const isOnly = all.filter(other => shortName(other.target) === name).length === 1
  return { label: isOnly ? name : target.reference }
}

function shortName({ type, name }: ResolvedTarget): string {
  return type === 'bindmount' ? basename(name) : name
}

/** One life that is being prepared, and how it is planned. */
interface LifePreparation extends Preparation, AwaitedTarget {
  readonly options: PlanOptions
}

/** What comes of a look at a target. */
type Planned = Network & Pick<PreparedLife, 'plan' | 'leftOut' | 'context'>

/** Prepares the capture of one life of a target, which it owns from now on. */
async function prepareLife(preparation: LifePreparation): Promise<PreparedLife> {
  const { request, target, head, context } = preparation
  const { log = silentLog } = context
  let closed = false
  const close = () => {
    if (closed) return
    closed = true
    head?.close()
    target.namespace.close()
  }
  try {
    if (request.immediate) findTool('tcpdump')
    log.info(`${target.reference}, netns ${target.namespace.inode}${head ? ', captured since it came' : ''}`)
    return { ...(await look(preparation)), target, head, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Looks at a target whose interfaces go before the filter has been compiled for them. */
const mostLooks = 5

/** Looks at a target until its interfaces stay as long as their filter takes to compile. */
async function look(preparation: LifePreparation): Promise<Planned> {
  for (let looks = 1; ; looks++) {
    const { network, ...others } = preparation
    const planned = await lookOnce(looks === 1 ? preparation : others, looks === mostLooks)
    if (planned !== undefined) return planned
  }
}

/** @returns undefined when an interface has gone meanwhile, unless this is the last look */
async function lookOnce(preparation: LifePreparation, isLast: boolean): Promise<Planned | undefined> {
  const { target, signal } = preparation
  const known = await planWhenUp(preparation)
  const gathering = gather(preparation, known)
  // A filter that fails is told first; nobody waits for this one then.
  gathering.catch(() => {})
  try {
    const checked = needsCheck(known.plan)
      ? await withApplicableFilter(known.plan, target.namespace, known.interfaces, signal)
      : { plan: known.plan, leftOut: [] }
    const isSame = checked.plan === known.plan
    const context = await (isSame ? gathering : gather(preparation, { ...known, ...checked }))
    return { ...known, ...checked, context }
  } catch (error) {
    if (isLast || !isGone(known.plan, error)) throw error
    return undefined
  }
}

/** Without the right in our own hands only dumpcap itself can tell whether it may capture. */
function needsCheck({ taps }: SourcePlan): boolean {
  return taps.some(({ filter }) => filter !== '') || !hasCapability('netRaw')
}

/** Gathers what is written down about a target. */
function gather(
  { target, options, signal }: LifePreparation,
  { plan, interfaces, routes }: Network & Pick<PreparedLife, 'plan'>,
): Promise<TargetContext> {
  const captured = new Map(plan.taps.map(({ interface: nif, filter }) => [nif.name, filter]))
  return gatherContext(target, interfaces, {
    ...{ signal, routes, offloads: options.woven === true },
    filterOf: name => captured.get(name),
  })
}

/** Plans for what a look has found. */
function planFor({ request, target, options }: LifePreparation, { interfaces, routes }: Network): SourcePlan {
  const gateways = target.namespace.process === undefined ? gatewayNames(routes) : []
  const names = [...interfaceNames(target, interfaces), ...target.names, ...gateways]
  // What is waited for has its interfaces soon.
  const allowAny = request.wait === undefined || interfaces.some(({ up }) => up)
  return planSource(request, { ...target, names }, interfaces, { ...options, allowAny })
}

/** Milliseconds between looks whether a target that was waited for has an interface now. */
const interfaceInterval = 200

/**
 * Plans as soon as there is an interface; for a target that has gone by then on `any`: its head may have all its packets.
 * @throws RemoraError TARGET_STALE when it has gone, and nothing was captured of it
 */
async function planWhenUp(preparation: LifePreparation): Promise<Network & Pick<PreparedLife, 'plan'>> {
  const { request, target, head, options, signal } = preparation
  const { namespace } = target
  for (let reading = preparation.network; ; reading = undefined) {
    const network = await (reading ?? readNetwork(namespace, signal))
    try {
      return { plan: planFor(preparation, network), ...network }
    } catch (error) {
      const isWaited = request.wait !== undefined
      if (!isWaited || !(error instanceof RemoraError) || error.code !== 'INTERFACE_NOT_FOUND') throw error
      if (isStillThere(namespace)) {
        await sleep(interfaceInterval, undefined, { signal })
        continue
      }
      if (head === undefined) throw tooShort(error)
      return { plan: planSource({ ...request, interfaces: ['any'] }, target, [], options), ...network }
    }
  }
}

function tooShort(cause: RemoraError): RemoraError {
  return new RemoraError('TARGET_STALE', 'it has ended before it could be captured', {
    cause,
    hint: 'Start it again; --follow catches the next one as soon as it is there.',
  })
}
