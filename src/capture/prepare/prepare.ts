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
import { type CapturePlan, capturesOfEach, planRoute, type SourcePlan, sectionComment } from '../plan/plan.ts'
import type { CaptureContext } from '../request/context.ts'
import { capturePlaces, type Places } from '../request/places.ts'
import { type CaptureRequest, isForSeveral } from '../request/request.ts'
import { type PreparedLife, preparedAtOnce, prepareLives } from './prepare-incarnation.ts'

/** A capture that may begin. */
export interface PreparedCapture {
  readonly request: CaptureRequest
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
  const context = { ...around, places }
  const { wait, follow, targets: references, names, match } = request
  const { env = process.env, onPending, onFound } = context
  const lives: PreparedLife[] = []
  let watch: TargetWatch | undefined
  const close = () => {
    watch?.close()
    for (const life of lives) life.close()
    places.close()
  }
  try {
    // dumpcap tells its version itself where it writes the stream.
    const version = isForSeveral(request) || follow ? readDumpcapVersion(signal) : undefined
    const early = earlyLooks(signal)
    const onOpen = (namespace: NetworkNamespace) => {
      early.begin(namespace)
      onFound?.()
    }
    const known = wait === undefined ? await resolveTargets(references, { signal, env, names, match, onOpen }) : []
    if (wait !== undefined || follow) watch = watchForTargets(request, context, known)
    lives.push(
      ...(await prepareLives(
        request,
        known.map(target => ({ target, network: early.take(target.namespace) })),
        context,
        signal,
      )),
    )
    while (lives.length === 0 && watch !== undefined) {
      const awaited = await takeAll(watch, { signal, timeout: wait?.timeout, onPending })
      lives.push(...(await prepareAwaited(request, watch, awaited, context, signal)))
    }
    // Without --follow each reference is waited for once.
    const isPending = watch?.isPending() ?? false
    if (!isPending) watch?.close()
    const targets = lives.map(({ target }) => target)
    const heads = lives.some(({ head }) => head !== undefined)
    const route = planRoute(request, targets, heads, isPending && !follow)
    const sources = lives.map(life => life.plan)
    if (route.route === 'woven') checkPlaces(request, sources, places)
    const plan = { ...route, comment: sectionComment(request, route, sources), sources }
    const preface = {
      comment: plan.comment,
      context: captureFacts(
        lives.map(life => life.context),
        { dumpcap: await version },
      ),
      names: sources.flatMap(source => source.names),
    }
    if (watch === undefined || !isPending) return { request, plan, preface, lives, places, close }
    return { request, plan, preface, lives, places, coming: comingLives(request, watch, context), close }
  } catch (error) {
    close()
    throw error
  }
}

/**
 * Checks that there are places for the interfaces of a merged capture.
 * @throws RemoraError LIMIT
 */
function checkPlaces(request: CaptureRequest, sources: readonly SourcePlan[], places: Places): void {
  const interfaces = sources.reduce((sum, { dumpcap }) => sum + dumpcap.interfaces.length, 0)
  const at = capturesOfEach(request) > 1 ? ', captured at both ends,' : ''
  const of = sources.length === 1 ? sources[0]?.name : `${sources.length} targets`
  const count = interfaces === 1 ? '1 interface' : `${interfaces} interfaces`
  places.check(interfaces * capturesOfEach(request), `${count} of ${of}${at}`)
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

/** Prepares lives that were waited for; what has gone by then is waited for again. */
async function prepareAwaited(
  request: CaptureRequest,
  watch: TargetWatch,
  awaited: readonly AwaitedTarget[],
  context: CaptureContext & { readonly places: Places },
  signal: AbortSignal,
): Promise<PreparedLife[]> {
  const lives = await prepareLives(request, awaited, context, signal)
  for (const { target } of awaited) if (!lives.some(life => life.target === target)) watch.miss(target)
  return lives
}

function comingLives(
  request: CaptureRequest,
  watch: TargetWatch,
  context: CaptureContext & { readonly places: Places },
): ComingLives {
  const waiting = { ...request, wait: {} }
  return {
    async next(signal) {
      for (;;) {
        const awaited = await watch.next({ signal })
        if (awaited === undefined) return undefined
        const [life] = await prepareAwaited(waiting, watch, [awaited], context, signal)
        if (life !== undefined) return life
      }
    },
    forget: target => watch.forget(target),
  }
}
