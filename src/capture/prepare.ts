/**
 * Everything before the first byte: targets are found, or waited for, their interfaces are chosen, the filter is compiled.
 * Whatever can be refused is refused here.
 */
import { captureFacts } from '../discover/context.ts'
import { type ResolvedTarget, resolveTargets } from '../discover/resolve.ts'
import { readDumpcapVersion } from '../linux/capturing/dumpcap.ts'
import type { CaptureContext } from './context.ts'
import { type CapturePlan, planRoute, sectionComment } from './plan.ts'
import type { Preface } from './prelude.ts'
import { type PreparedLife, prepareLives } from './prepare-life.ts'
import { type CaptureRequest, isForSeveral } from './request.ts'
import { type TargetWatch, watchForTargets } from './wait.ts'

/** A capture that may begin. */
export interface PreparedCapture {
  readonly request: CaptureRequest
  readonly plan: CapturePlan
  readonly preface: Preface
  readonly lives: readonly PreparedLife[]
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
  context: CaptureContext,
  signal: AbortSignal = context.lifetime.stop,
): Promise<PreparedCapture> {
  const { wait, follow, targets: references, names } = request
  const { env = process.env, onPending } = context
  const lives: PreparedLife[] = []
  let watch: TargetWatch | undefined
  const close = () => {
    watch?.close()
    for (const life of lives) life.close()
  }
  try {
    // dumpcap tells its version itself where it writes the stream.
    const version = isForSeveral(request) || follow ? readDumpcapVersion(signal) : undefined
    const known = wait === undefined ? await resolveTargets(references, { signal, env, names }) : []
    if (wait !== undefined || follow) watch = watchForTargets(request, context, known)
    lives.push(
      ...(await prepareLives(
        request,
        known.map(target => ({ target })),
        context,
        signal,
      )),
    )
    while (lives.length === 0 && watch !== undefined) {
      const awaited = [await watch.next({ signal, timeout: wait?.timeout, onPending })]
      for (let more = watch.poll(); more !== undefined; more = watch.poll()) awaited.push(more)
      lives.push(...(await prepareLives(request, awaited, context, signal)))
    }
    // Without --follow each reference is waited for once.
    const missing = isForSeveral(request) && references.length > 1 ? references.length - lives.length : 0
    if (!follow && missing <= 0) watch?.close()
    const targets = lives.map(({ target }) => target)
    const heads = lives.some(({ head }) => head !== undefined)
    const route = planRoute(request, targets, heads || (!follow && missing > 0 && wait !== undefined))
    const sources = lives.map(life => life.plan)
    const plan = { ...route, comment: sectionComment(request, route, sources), sources }
    const preface = {
      comment: plan.comment,
      context: captureFacts(
        lives.map(life => life.context),
        { dumpcap: await version },
      ),
      names: sources.flatMap(source => source.names),
    }
    if (watch === undefined || (!follow && missing <= 0)) return { request, plan, preface, lives, close }
    return { request, plan, preface, lives, coming: comingLives(request, watch, targets, context), close }
  } catch (error) {
    close()
    throw error
  }
}

function comingLives(
  request: CaptureRequest,
  watch: TargetWatch,
  known: readonly ResolvedTarget[],
  context: CaptureContext,
): ComingLives {
  const served = new Set(known.map(({ reference }) => reference))
  const waiting = { ...request, wait: {} }
  return {
    async next(signal) {
      for (;;) {
        if (!request.follow && served.size >= request.targets.length) return undefined
        const awaited = await watch.next({ signal })
        if (!request.follow && served.has(awaited.target.reference)) {
          awaited.head?.close()
          awaited.target.namespace.close()
          continue
        }
        served.add(awaited.target.reference)
        const [life] = await prepareLives(waiting, [awaited], context, signal)
        if (life !== undefined) return life
      }
    },
    forget: target => watch.forget(target),
  }
}
