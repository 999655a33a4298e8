/**
 * Everything before the first byte: targets are found, or waited for, their interfaces are chosen, the filter is compiled.
 * Whatever can be refused is refused here.
 */
import { captureFacts } from '../../discover/resolve/context.ts'
import { type ResolvedTarget, resolveTargets } from '../../discover/resolve/resolve.ts'
import { readDumpcapVersion } from '../../linux/capturing/dumpcap.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import { type Network, readNetwork } from '../../linux/network/network.ts'
import type { Preface } from '../annotate/prelude.ts'
import { type AwaitedTarget, type TargetWatch, type WaitOptions, watchForTargets } from '../early/wait.ts'
import {
  type CapturePlan,
  capturesOfEach,
  decideRoute,
  planCapture,
  type Route,
  type SourcePlan,
} from '../plan/plan.ts'
import { planSearch } from '../plan/search.ts'
import { ownInterfaces } from '../plan/taps.ts'
import type { CaptureContext } from '../request/context.ts'
import { capturePlaces, type Places } from '../request/places.ts'
import { type CaptureRequest, isForSeveral } from '../request/request.ts'
import { type Preparation, type PreparedLife, preparedAtOnce, prepareLives } from './prepare-incarnation.ts'

/** A capture that may begin. */
export interface PreparedCapture {
  readonly plan: CapturePlan
  readonly preface: Preface
  readonly lives: readonly PreparedLife[]
  /** For the interfaces of a merged capture. */
  readonly places: Places
  /** Lives that are still to come, where they are waited for or followed. */
  readonly coming?: ComingLives | undefined
  /** Releases all that was begun and not taken over; whoever prepared the capture calls it once. */
  close(): void
}

/** Lives that will join it. */
export interface ComingLives {
  /** Waits for the next one; undefined when none will come any more. The caller closes it. */
  next(signal: AbortSignal): Promise<PreparedLife | undefined>
  /** A life counts again, should it be found again. */
  forget(target: ResolvedTarget): void
}

/**
 * Finds the targets, or waits for the first of them; chooses their interfaces and compiles the filter.
 * @throws RemoraError for everything that stands against the capture; the reason of the signal when that aborts
 */
export async function prepareCapture(
  request: CaptureRequest,
  around: CaptureContext,
  signal: AbortSignal = around.lifetime.stop,
): Promise<PreparedCapture> {
  const places = capturePlaces(around.places)
  const found: Found = { lives: [], watch: undefined }
  const close = () => {
    found.watch?.close()
    for (const life of found.lives) life.close()
    places.close()
  }
  try {
    const common = { request, context: { ...around, places }, signal }
    // dumpcap tells its version itself where it writes the stream.
    const version = isForSeveral(request) || request.follow ? readDumpcapVersion(signal) : undefined
    const route = await findLives(common, found)
    const { lives, watch } = found
    // Without --follow each reference is waited for once.
    const isPending = watch?.isPending() ?? false
    if (!isPending) watch?.close()
    const plan = planCapture(
      request,
      route,
      lives.map(life => life.plan),
    )
    if (plan.route === 'woven') checkPlaces(plan.sources, places)
    const preface = await prefaceOf(plan, lives, version)
    const coming = watch !== undefined && isPending ? comingLives(common, watch) : undefined
    return { plan, preface, lives, places, coming, close }
  } catch (error) {
    close()
    throw error
  }
}

/** What is found while a capture is prepared, and released with it. */
interface Found {
  lives: readonly PreparedLife[]
  watch: TargetWatch | undefined
}

/** Finds the lives that are captured first. @returns the route they go */
async function findLives(common: Omit<Preparation, 'route'>, found: Found): Promise<Route> {
  const { request, context, signal } = common
  const { wait, follow, targets, names, match } = request
  const { env = process.env, onPending, onFound } = context
  const early = earlyLooks(signal)
  const onOpen = (namespace: NetworkNamespace) => {
    early.begin(namespace)
    onFound?.()
  }
  const known = wait === undefined ? await resolveTargets(targets, { signal, env, names, match, onOpen }) : []
  const watch = wait !== undefined || follow ? watchForTargets(planSearch(request), context, known) : undefined
  found.watch = watch
  let awaited: readonly AwaitedTarget[] = known.map(target => ({ target, network: early.take(target.namespace) }))
  for (;;) {
    if (awaited.length > 0 || watch === undefined) {
      const heads = awaited.some(({ head }) => head !== undefined)
      const route = decideRoute(request, { targets: awaited.length, heads, pending: watch?.isPending() ?? false })
      found.lives = await prepareAwaited({ ...common, route: route.route }, watch, awaited)
      if (found.lives.length > 0 || watch === undefined) return route
    }
    awaited = await takeAll(watch, { signal, timeout: wait?.timeout, onPending })
  }
}

/** What is written ahead of the packets. */
async function prefaceOf(
  { comment, sources }: CapturePlan,
  lives: readonly PreparedLife[],
  version: ReturnType<typeof readDumpcapVersion> | undefined,
): Promise<Preface> {
  const context = captureFacts(
    lives.map(life => life.context),
    { dumpcap: await version },
  )
  return { comment, context, names: sources.flatMap(source => source.names) }
}

/**
 * Checks that there are places for the interfaces of a merged capture.
 * @throws RemoraError LIMIT
 */
function checkPlaces(sources: readonly SourcePlan[], places: Places): void {
  const [first] = sources
  if (first === undefined) return
  const interfaces = sources.reduce((sum, { taps }) => sum + ownInterfaces(taps).length, 0)
  const at = capturesOfEach(first) > 1 ? ', captured at both ends,' : ''
  const of = sources.length === 1 ? first.name : `${sources.length} targets`
  const count = interfaces === 1 ? '1 interface' : `${interfaces} interfaces`
  places.check(interfaces * capturesOfEach(first), `${count} of ${of}${at}`)
}

/** Looks into namespaces while it is still being found out whether they are those of the targets. */
function earlyLooks(signal: AbortSignal) {
  const looks = new WeakMap<NetworkNamespace, Promise<Network>>()
  let begun = 0
  return {
    /** The descriptor has been handed down when this returns: the namespace may be closed then. */
    begin(namespace: NetworkNamespace) {
      if (begun++ >= preparedAtOnce) return
      const look = readNetwork(namespace, signal)
      look.catch(() => {})
      looks.set(namespace, look)
    },
    take: (namespace: NetworkNamespace) => looks.get(namespace),
  }
}

/** Takes every life that is there, and waits for the first of them. */
async function takeAll(watch: TargetWatch, options: WaitOptions): Promise<AwaitedTarget[]> {
  const awaited: AwaitedTarget[] = []
  for (let life = await watch.next(options); life !== undefined; life = watch.poll()) awaited.push(life)
  return awaited
}

/** Prepares lives; what was waited for and has gone by then is waited for again. */
async function prepareAwaited(
  preparation: Preparation,
  watch: TargetWatch | undefined,
  awaited: readonly AwaitedTarget[],
): Promise<PreparedLife[]> {
  const lives = await prepareLives(preparation, awaited)
  for (const { target } of awaited) if (!lives.some(life => life.target === target)) watch?.miss(target)
  return lives
}

/** What joins a running capture, which is a merged one. */
function comingLives(common: Omit<Preparation, 'route'>, watch: TargetWatch): ComingLives {
  const preparation: Preparation = { ...common, request: { ...common.request, wait: {} }, route: 'woven' }
  return {
    async next(signal) {
      for (;;) {
        const awaited = await watch.next({ signal })
        if (awaited === undefined) return undefined
        const [life] = await prepareAwaited({ ...preparation, signal }, watch, [awaited])
        if (life !== undefined) return life
      }
    },
    forget: target => watch.forget(target),
  }
}
