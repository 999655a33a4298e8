/** Parts that several schemas of `/v1` have. Whatever is read with them is bounded. */
import * as v from 'valibot'

/** A text: a label of a container may be long. */
export const text = v.pipe(v.string(), v.maxLength(1024 * 1024))

/** Names, in an order that means something. */
export const names = v.pipe(v.array(text), v.maxLength(100_000), v.readonly())

/** How many of something, or how long it took. */
export const count = v.pipe(v.number(), v.minValue(0))
