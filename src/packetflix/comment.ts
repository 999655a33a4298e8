/**
 * The capture target as a YAML section comment, as csharg writes it (pcapng/pcapng.go): a marker line pair, then
 * `container-name`, `container-type` and `node-name` always, the rest only where it says something. Stock tools find
 * the block by its marker and read it with any YAML parser.
 */
import { scalar } from './yaml.ts'

export interface CommentFields {
  readonly name: string
  /** Target type of the Packetflix JSON: `docker`, `pod`, `proc`, `bindmount` … */
  readonly type: string
  /** Name of the host the packets were captured on; empty when unknown. */
  readonly node: string
  /** Capture filter; empty for none. */
  readonly filter: string
  readonly promiscuous: boolean
  /** What is left out beyond the filter: the connection that carries the capture away. */
  readonly excluding?: string
}

/** Section comment that describes a capture target. */
export function targetComment({ name, type, node, filter, promiscuous, excluding = '' }: CommentFields): string {
  const lines = [
    '---',
    '# capture target information',
    `container-name: ${scalar(name)}`,
    `container-type: ${scalar(type)}`,
    `node-name: ${scalar(node)}`,
  ]
  if (filter !== '') lines.push(`capture-filter: ${scalar(filter)}`)
  if (excluding !== '') lines.push(`own-stream-filter: ${scalar(excluding)}`)
  if (!promiscuous) lines.push('no-promiscuous-mode: true')
  return `${lines.join('\n')}\n`
}
