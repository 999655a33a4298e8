/** A capture that was prepared a moment ago, for a client that comes now. */
import { isStillThere } from '../linux/namespace/netns.ts'
import { bufferOfEach, ownInterfaces } from './plan/taps.ts'
import type { PreparedCapture } from './prepare/prepare.ts'
import type { PreparedLife } from './prepare/prepare-incarnation.ts'
import { carried } from './request/own-stream.ts'
import type { CaptureRequest } from './request/request.ts'

/**
 * The capture as it would be prepared now; undefined when that would be another one: a target has gone, or would show the
 * connection that carries the capture away.
 */
export function claimPrepared(
  prepared: PreparedCapture,
  { ownStream = [], buffer }: Pick<CaptureRequest, 'ownStream'> & { readonly buffer: number },
): PreparedCapture | undefined {
  const { plan, preface, lives } = prepared
  if (prepared.coming !== undefined) return undefined
  if (!lives.every(life => isStillThere(life.target.namespace) && !shows(life, ownStream))) return undefined
  const bounded = lives.map(life => ({ ...life, plan: { ...withBuffer(life.plan, buffer), ownStream } }))
  return {
    ...prepared,
    plan: { ...plan, sources: bounded.map(life => life.plan) },
    preface: { ...preface, context: { ...preface.context, capturedAt: new Date().toISOString() } },
    lives: bounded,
  }
}

function shows({ target, interfaces }: PreparedLife, ownStream: NonNullable<CaptureRequest['ownStream']>): boolean {
  const central = target.type === 'host' || target.namespace.own
  return carried(ownStream, { central, interfaces }).length > 0
}

/** There may be more captures by now, which share what the kernel may have. */
function withBuffer(plan: PreparedLife['plan'], buffer: number): PreparedLife['plan'] {
  const each = bufferOfEach(buffer, ownInterfaces(plan.taps).length)
  return { ...plan, taps: plan.taps.map(tap => ({ ...tap, bufferSize: Math.min(tap.bufferSize, each) })) }
}
