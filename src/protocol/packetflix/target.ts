/**
 * The JSON that names a capture target in Packetflix (csharg api/sharktank.go): written by web pages, plugins and people,
 * so nearly everything may be missing, null, or out of date. What is not known is ignored.
 */
import * as v from 'valibot'

const text = v.nullish(v.pipe(v.string(), v.maxLength(4096)), '')
const whole = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0)

/** One entry of `/mobyshark`, and the `container` parameter of `/capture`. */
export const stockTarget = v.object({
  name: text,
  type: text,
  /** Inode of the network namespace; 0 when unknown. */
  netns: whole,
  'network-interfaces': v.nullish(v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(4096)), []),
  pid: whole,
  /** Clock ticks since boot. */
  starttime: whole,
  prefix: text,
  /** Name of the host, and identity of the cluster, as the client knows them. */
  'node-name': text,
  cluster: v.nullish(v.object({ context: text, uid: text }), null),
})

/** A target as Packetflix names it, with what was missing filled in: empty texts and lists, 0. */
export type StockTarget = v.InferOutput<typeof stockTarget>

/** Answer of `GET /mobyshark`. */
export const stockTargets = v.object({ containers: v.array(stockTarget) })

/** The JSON to send: what is unknown is left out, as the original clients do. */
export function stockTargetJson(target: StockTarget): string {
  const { pid, starttime, 'node-name': node, cluster, ...rest } = target
  return JSON.stringify({
    ...rest,
    ...(starttime > 0 && { starttime }),
    ...(pid > 0 && { pid }),
    ...(node !== '' && { 'node-name': node }),
    ...(cluster !== null && { cluster: { context: cluster.context, ...(cluster.uid !== '' && { uid: cluster.uid }) } }),
  })
}
