/**
 * The capture target as a YAML section comment, as csharg writes it (pcapng/pcapng.go): a marker line pair, then
 * `container-name`, `container-type` and `node-name` always, `cluster` only where a client told of one, the rest only where it
 * says something. Stock tools find
 * the block by its marker and read it with any YAML parser.
 */
import { scalar } from '../../base/yaml.ts'

/** What the comment tells of a target. */
export interface CommentFields {
  readonly name: string
  /** Target type of the Packetflix JSON: `docker`, `pod`, `proc`, `bindmount` … */
  readonly type: string
  /** Name of the host the packets were captured on; empty when unknown. */
  readonly node: string
  /** Identity of the cluster, as the client of a service told it; undefined: of none. */
  readonly cluster?: string | undefined
  /** Capture filter; empty for none. */
  readonly filter: string
  readonly promiscuous: boolean
  /** What is left out beyond the filter: the connection that carries the capture away. */
  readonly excluding?: string
}

/** First line of the target comment, by which every tool finds it. */
export const targetMarker = '# capture target information'

/** Section comment that describes a capture target. */
export function targetComment(fields: CommentFields): string {
  const { name, type, node, cluster, filter, promiscuous, excluding = '' } = fields
  const lines = [
    '---',
    targetMarker,
    `container-name: ${bounded(name, 300)}`,
    `container-type: ${bounded(type, 40)}`,
    `node-name: ${bounded(node, 180)}`,
  ]
  if (cluster !== undefined) lines.push('cluster:', `    uid: ${bounded(cluster, 64)}`)
  if (filter !== '') lines.push(`capture-filter: ${bounded(filter, 600)}`)
  if (excluding !== '') lines.push(`own-stream-filter: ${bounded(excluding, 400)}`)
  if (!promiscuous) lines.push('no-promiscuous-mode: true')
  return `${lines.join('\n')}\n`
}

const targetBlock = new RegExp(`^---\\n${targetMarker}\\n.*?(?=^---|(?![\\s\\S]))`, 'ms')

/** A section comment without its description of a target, which ends at the next document or with the comment. */
export function withoutTarget(comment: string): string {
  return comment.replace(targetBlock, '')
}

/** A scalar of so many bytes at most: the whole comment must fit into a section header that Wireshark 4.0 can read. */
function bounded(text: string, limit: number): string {
  const whole = scalar(text)
  if (Buffer.byteLength(whole) <= limit) return whole
  let short = text.slice(0, limit)
  while (Buffer.byteLength(scalar(`${short}…`)) > limit) short = short.slice(0, Math.floor(short.length * 0.9))
  return scalar(`${short}…`)
}
