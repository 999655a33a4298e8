/**
 * What remora's own service says beside the packets: text frames on `/v1/capture`, one JSON object each. Binary frames are
 * the capture. `/capture` has none of them, since stock clients take a text frame for a fault.
 */
import * as v from 'valibot'
import { readJson } from '../json.ts'
import { count, names, text } from './parts.ts'
import { captureEnds } from './values.ts'

/** A note, by its kind; counts are of the whole capture up to now, seconds since it was armed. */
export const captureNote = v.variant('note', [
  /** The capture is active on every interface. */
  v.object({ note: v.literal('armed'), reference: text }),
  /** So many packets and bytes up to now; of a woven capture also those that were lost in it or came late. */
  v.object({
    note: v.literal('progress'),
    packets: count,
    bytes: count,
    lost: v.optional(count),
    late: v.optional(count),
    seconds: count,
  }),
  /** Why nothing comes. */
  v.object({ note: v.literal('silence'), line: v.pipe(v.string(), v.maxLength(1_000)) }),
  /** How it ended; the last one. */
  v.object({
    note: v.literal('report'),
    reference: text,
    end: v.picklist(captureEnds),
    complete: v.boolean(),
    missedInterfaces: v.optional(v.pipe(names, v.maxLength(1_000))),
    goneInterface: v.optional(text),
    interfaces: v.pipe(
      v.array(v.object({ name: text, received: count, dropped: count, cut: v.optional(count) })),
      v.readonly(),
    ),
    packets: count,
    dropped: count,
    late: v.optional(count),
    seconds: count,
    lives: v.optional(count),
  }),
])

/** A note as it is sent. */
export type CaptureNote = v.InferOutput<typeof captureNote>

/** Reads a text frame; undefined for one this version does not know. */
export function parseNote(frame: string): CaptureNote | undefined {
  return readJson(captureNote, frame)
}
