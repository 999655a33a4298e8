/** What `GET /v1/targets/watch` tells: the data of its server-sent events. */
import * as v from 'valibot'
import { count, text } from './parts.ts'
import { target } from './target.ts'

const targetEvent = v.object({
  seq: v.optional(count),
  time: v.optional(v.pipe(text, v.description('ISO 8601'))),
  event: v.picklist(['appear', 'change', 'gone']),
  target,
})

const warningEvent = v.object({ warning: v.pipe(text, v.description('a source that failed')) })

/** The data of an event; that of `ready`, when everything that was there has appeared, is an empty object. */
export const watchEvent = v.union([targetEvent, warningEvent])

/** What happens to a target, as it is sent. */
export type TargetEventJson = v.InferOutput<typeof targetEvent>
/** A warning, as it is sent. */
export type WarningEventJson = v.InferOutput<typeof warningEvent>
