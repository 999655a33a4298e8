/**
 * A capture that outlives its target, or began before it: every life of the target is one more source of the same stream.
 *
 * A life that was waited for has two: the head, captured on `any` before the interfaces could be opened, and then the
 * interfaces themselves. Both run side by side for a moment and the clock divides them: packets from before an instant
 * soon after the interfaces were armed come from the head, all others from the interfaces. The kernel stamps a packet once
 * for all who see it (net/core/dev.c), so none is lost there and none comes twice.
 */
import { silentLog } from '../base/log.ts'
import { isStillThere } from '../linux/netns.ts'
import { openSink } from '../linux/sink.ts'
import { cookedInterface } from './head.ts'
import { interestCheck, whileWanted } from './interest.ts'
import type { CaptureContext, PreparedCapture } from './prepare.ts'
import { type CaptureEnd, type CaptureReport, type RunOptions, runLocal } from './run-local.ts'
import { type Strand, type Weave, weaveInto } from './weave.ts'

/**
 * Runs a capture over the lives of its target.
 * @param first is closed by the caller, the captures after it here
 * @param output descriptor of the stream, stays the caller's
 * @throws RemoraError when a capture cannot start or breaks
 */
export async function runWoven(
  first: PreparedCapture,
  output: number,
  context: CaptureContext & Omit<RunOptions, 'lifetime' | 'through' | 'enough'>,
): Promise<CaptureReport> {
  const { lifetime, parent, log = silentLog, onProgress } = context
  const { next, request } = first
  const { stop } = request
  const enough = new AbortController()
  const limit = AbortSignal.any([lifetime.stop, enough.signal])
  const sink = openSink(output)
  const weave = weaveInto(sink, stop, () => enough.abort())
  let stalled: NodeJS.Timeout | undefined
  lifetime.kill.addEventListener('abort', () => sink.close(), { once: true })
  lifetime.stop.addEventListener(
    'abort',
    () => {
      stalled = setTimeout(() => sink.close(), longestEnd)
    },
    { once: true },
  )
  const isWanted = interestCheck(output, parent)
  const lives: CaptureReport[] = []
  let armedAt: number | undefined
  let timer: NodeJS.Timeout | undefined
  const seconds = () => (armedAt === undefined ? 0 : (performance.now() - armedAt) / 1000)
  const options: RunOptions = {
    lifetime,
    enough: enough.signal,
    ...(parent !== undefined && { parent }),
    onArmed() {
      if (armedAt === undefined && stop.duration !== undefined) {
        timer = setTimeout(() => enough.abort(), stop.duration * 1000)
      }
      armedAt ??= performance.now()
      context.onArmed?.()
    },
    ...(onProgress && { onProgress: () => onProgress({ ...weave.written(), seconds: seconds() }) }),
  }
  let prepared = first
  let gap: Gap | undefined
  try {
    for (;;) {
      const life = await runLife(prepared, output, weave, gap, options)
      lives.push(life)
      log.info(`life ${lives.length} ended: ${JSON.stringify(life)}`)
      const finished = (end: CaptureEnd) => summed(lives, end, weave, seconds())
      if (next === undefined || !isGone(life.end) || limit.aborted) return finished(life.end)
      gap = { life: lives.length + 1, since: weave.lastTime() }
      if (prepared !== first) prepared.close()
      prepared = first
      const following = await whileWanted(isWanted, limit, next).catch(error => {
        if (!limit.aborted) throw error
        return lifetime.stop.aborted ? ('stopped' as const) : ('stop-condition' as const)
      })
      if (typeof following === 'string') return finished(following)
      prepared = following
    }
  } finally {
    clearTimeout(timer)
    clearTimeout(stalled)
    if (prepared !== first) prepared.close()
    sink.close()
  }
}

/** Milliseconds a reader that does not read has, when the capture was asked to end. */
const longestEnd = 5_000

/**
 * Milliseconds for which the head goes on once the interfaces are armed: dumpcap loses the last 250 ms of an interface that
 * goes, `any` loses none, so a container that ends so soon is captured whole.
 */
const seam = 300

/** What lies between two lives. */
interface Gap {
  /** Number of the life that follows. */
  readonly life: number
  /** Last packet before it, nanoseconds since 1970; undefined when there was none. */
  readonly since: bigint | undefined
}

function isGone(end: CaptureEnd): boolean {
  return end === 'target-gone' || end === 'interface-gone'
}

async function runLife(
  { plan, target, head }: PreparedCapture,
  output: number,
  weave: Weave,
  gap: Gap | undefined,
  options: RunOptions,
): Promise<CaptureReport> {
  const { namespace } = target
  const strand: Strand = gap === undefined ? {} : { comment: gapComment(gap, plan.reference, plan.netns) }
  await weave.begin(plan.dumpcap.comment, plan.names)
  if (head === undefined) {
    return runLocal(plan, namespace, output, { ...options, through: stream => weave.add(stream, strand) })
  }
  let cut: bigint | undefined
  const wanted = plan.interfaceIndexes && new Set(plan.interfaceIndexes)
  const before: Strand = {
    ...strand,
    accept: (time, packet) => (cut === undefined || time < cut) && (wanted?.has(cookedInterface(packet)) ?? true),
  }
  const headEnd = weave.add(head.stream, before)
  headEnd.catch(() => {})
  try {
    return await runLocal(plan, namespace, output, {
      ...options,
      onArmed() {
        cut = BigInt(Date.now() + seam) * 1_000_000n
        setTimeout(() => head.finish(), seam)
        options.onArmed?.()
      },
      async through(stream, ready) {
        if (!(await ready)) head.finish()
        const end = await headEnd
        return end === 'ended' ? weave.add(stream, { ...strand, accept: time => time >= (cut ?? 0n) }) : end
      },
    })
  } catch (error) {
    if (cut !== undefined || isStillThere(namespace)) throw error
    // Its life was shorter than opening its interfaces takes: what the head has is all there is.
    return {
      reference: plan.reference,
      end: 'target-gone',
      complete: true,
      interfaces: [],
      packets: 0,
      dropped: 0,
      seconds: 0,
    }
  }
}

/** The comment of the first packet after a gap: once, whichever source it comes from. */
function gapComment({ life, since }: Gap, reference: string, netns: number): (time: bigint) => string | undefined {
  let told = false
  return time => {
    if (told) return undefined
    told = true
    const gap =
      since === undefined ? 'no packet before' : `${(time - since) / 1_000_000n} ms after the last packet before`
    return `${reference}, life ${life} (netns ${netns}): ${gap}`
  }
}

function summed(lives: readonly CaptureReport[], end: CaptureEnd, weave: Weave, seconds: number): CaptureReport {
  const interfaces = new Map<string, { name: string; received: number; dropped: number }>()
  for (const { name, received, dropped } of lives.flatMap(life => life.interfaces)) {
    const sum = interfaces.get(name) ?? { name, received: 0, dropped: 0 }
    interfaces.set(name, { name, received: sum.received + received, dropped: sum.dropped + dropped })
  }
  const last = lives.at(-1)
  return {
    reference: last?.reference ?? '',
    end,
    complete: lives.every(({ complete }) => complete),
    ...(isGone(end) && last?.goneInterface !== undefined && { goneInterface: last.goneInterface }),
    interfaces: [...interfaces.values()],
    packets: weave.written().packets,
    dropped: lives.reduce((sum, { dropped }) => sum + dropped, 0),
    seconds,
    lives: lives.length,
  }
}
