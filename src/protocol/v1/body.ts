/** The body of `POST /v1/captures`: what a client asks for. A member that is not known is a mistake. */
import * as v from 'valibot'
import { severalMatches } from '../../reference/reference.ts'
import { capturePoints, longestWindow, maximumSnaplen } from './values.ts'

const positive = v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9))
const wholePositive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e9))
const flag = (initial: boolean, description: string) =>
  v.optional(v.pipe(v.boolean(), v.description(description)), initial)

const reference = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))

const fields = v.strictObject({
  target: v.optional(v.pipe(reference, v.description('target reference'))),
  targets: v.optional(
    v.pipe(v.array(reference), v.minLength(1), v.maxLength(64), v.description('several, in place of target')),
  ),
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
  window: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(longestWindow),
      v.description('milliseconds a packet waits for earlier ones of other interfaces'),
    ),
  ),
  direction: flag(false, 'mark every packet as received or sent'),
  immediate: flag(false, 'hand every packet on at once, with tcpdump in place of dumpcap'),
  at: v.optional(
    v.pipe(
      v.picklist(capturePoints),
      v.description("inside the target, at the host's end of its veth pairs, or at both"),
    ),
    'inside',
  ),
  match: v.optional(
    v.pipe(
      v.picklist(severalMatches),
      v.description('what becomes of a reference that means several targets: a failure, the one started last, or all'),
    ),
  ),
  tlsKeys: flag(false, 'put TLS keys of the targets into the stream; the service must allow it'),
  includeSelf: flag(false, 'capture the connection that carries the capture, too'),
})

/** Body of POST /v1/captures. */
export const captureBody = v.pipe(
  fields,
  v.check(
    ({ target, targets }) => (target === undefined) !== (targets === undefined),
    'expected either target or targets',
  ),
)

/** A body that was checked, with what was left out filled in. */
export type CaptureBody = v.InferOutput<typeof captureBody>
/** A body as it is sent: whatever has a default may be left out. */
export type CaptureBodyJson = v.InferInput<typeof captureBody>
