/** What clients of `/v1` send, as schemas: they validate, and docs and OpenAPI are made from them. */
import * as v from 'valibot'
import { type CaptureRequest, maximumSnaplen } from '../capture/request.ts'

const positive = v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9))
const wholePositive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e9))
const flag = (initial: boolean, description: string) =>
  v.optional(v.pipe(v.boolean(), v.description(description)), initial)

export const captureBody = v.strictObject({
  target: v.pipe(v.string(), v.minLength(1), v.maxLength(4096), v.description('target reference')),
  interfaces: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(64))),
      v.maxLength(256),
      v.description('network interfaces; empty: every one that is up'),
    ),
    [],
  ),
  filter: v.optional(
    v.pipe(v.string(), v.trim(), v.maxLength(16_384), v.description('capture filter, as in pcap-filter(7)')),
    '',
  ),
  snaplen: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(maximumSnaplen),
      v.description('bytes kept of each packet; 0: all'),
    ),
    0,
  ),
  promiscuous: flag(true, 'put the interfaces into promiscuous mode'),
  stop: v.optional(
    v.strictObject({
      duration: v.optional(v.pipe(positive, v.description('seconds'))),
      packets: v.optional(wholePositive),
      filesize: v.optional(v.pipe(wholePositive, v.description('KiB'))),
    }),
    {},
  ),
  wait: v.optional(
    v.pipe(
      v.strictObject({ timeout: v.optional(v.pipe(positive, v.description('seconds'))) }),
      v.description('wait for the target'),
    ),
  ),
  follow: flag(false, 'go on when the target goes and comes back'),
  names: flag(true, 'put the names of containers into the stream'),
  includeSelf: flag(false, 'capture the connection that carries the capture, too'),
})

export type CaptureBody = v.InferOutput<typeof captureBody>

/** The request a body means. */
export function requestOf({ interfaces, snaplen, stop, wait, includeSelf: _, ...rest }: CaptureBody): CaptureRequest {
  return {
    ...rest,
    interfaces: [...new Set(interfaces)],
    snaplen: snaplen === 0 ? undefined : snaplen,
    stop: present(stop),
    wait: wait && present(wait),
  }
}

function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}
