/** Values that requests, notes and reports have. They are apart from the schemas: a local capture needs them, and loads no schema. */

/** Places to capture an interface at. */
export const capturePoints = ['inside', 'peer', 'both'] as const
/** A place to capture at. */
export type CapturePoint = (typeof capturePoints)[number]

/** Largest packet dumpcap keeps (WTAP_MAX_PACKET_SIZE_STANDARD). */
export const maximumSnaplen = 262_144

/** Longest window in milliseconds; what waits is in memory. */
export const longestWindow = 10_000

/** Reasons for which a capture ends well. */
export const captureEnds = [
  'stopped',
  'killed',
  'reader-gone',
  'parent-gone',
  'target-gone',
  'interface-gone',
  'stop-condition',
] as const
/** One of {@link captureEnds}. */
export type CaptureEnd = (typeof captureEnds)[number]
