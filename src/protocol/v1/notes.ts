/**
 * What remora's own service says beside the packets: text frames on `/v1/capture`, one JSON object each. Binary frames are
 * the capture. `/capture` has none of them, since stock clients take a text frame for a fault.
 */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.minValue(0))

/** A note, by its kind; counts are of the whole capture up to now, seconds since it was armed. */
const captureNote = v.variant('note', [
  /** The capture is active on every interface. */
  v.object({ note: v.literal('armed'), reference: v.string() }),
  /** So many packets and bytes up to now. */
  v.object({ note: v.literal('progress'), packets: count, bytes: count, seconds: count }),
  /** Why nothing comes. */
  v.object({ note: v.literal('silence'), line: v.pipe(v.string(), v.maxLength(1_000)) }),
  /** How it ended; the last one. */
  v.object({
    note: v.literal('report'),
    reference: v.string(),
    end: v.picklist([
      'stopped',
      'killed',
      'reader-gone',
      'parent-gone',
      'target-gone',
      'interface-gone',
      'stop-condition',
    ]),
    complete: v.boolean(),
    missedInterfaces: v.optional(v.pipe(v.array(v.string()), v.maxLength(1_000), v.readonly())),
    goneInterface: v.optional(v.string()),
    interfaces: v.array(v.object({ name: v.string(), received: count, dropped: count, cut: v.optional(count) })),
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
export function parseNote(text: string): CaptureNote | undefined {
  try {
    const result = v.safeParse(captureNote, JSON.parse(text))
    return result.success ? result.output : undefined
  } catch {
    return undefined
  }
}
