/** What a service tells of itself: the captures that run, and whether it answers. */
import * as v from 'valibot'
import { count, names, text } from './parts.ts'

const runningCapture = v.object({
  id: v.pipe(text, v.description('to end the capture by')),
  target: v.pipe(text, v.description('as it was asked for')),
  reference: text,
  interfaces: names,
  filter: text,
  peer: v.pipe(text, v.description('address of the client')),
  since: v.pipe(text, v.description('ISO 8601')),
  phase: v.picklist(['preparing', 'waiting', 'running']),
  packets: count,
  bytes: count,
  silence: v.exactOptional(v.pipe(text, v.description('why nothing comes'))),
})

/** A capture that runs, as it is sent. */
export type RunningCaptureJson = v.InferOutput<typeof runningCapture>

/** Answer of `GET /v1/captures`. */
export const captureList = v.object({ captures: v.array(runningCapture) })
/** The captures that run, as they are sent. */
export type CaptureListJson = v.InferOutput<typeof captureList>

/** Answer of `GET /healthz`. */
export const health = v.object({ status: v.literal('ok') })
