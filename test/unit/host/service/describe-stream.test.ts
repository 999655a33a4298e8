/** What a file tells of its target when a service that is no remora made the stream. */

import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { describeStream, type PacketflixCapture } from '../../../../src/host/service/describe-stream.ts'
import { stockTarget } from '../../../../src/protocol/packetflix/target.ts'
import { blocksIn, type Option } from '../../../helpers/pcapng-builder.ts'

const { section, description } = blocksIn('LE')
const target = v.parse(stockTarget, {
  ...{ name: 'web', type: 'docker', netns: 4026532573, pid: 41234, starttime: 918273 },
  ...{ 'node-name': 'edge', cluster: { context: 'c', uid: 'u-1' } },
})
const capture: PacketflixCapture = {
  subjects: [{ kind: 'container', target }],
  filter: 'tcp port 80',
  promiscuous: false,
}
const block = '---\n# capture target information\ncontainer-name: other\ncontainer-type: pod\nnode-name: x\n'

/** Comments of the header that comes out. */
function commentsOf(options: readonly Option[], isFile = false): string[] {
  const out = describeStream(capture, isFile).push(Buffer.concat([section(options), description()]))
  const length = out.readUInt32LE(4)
  expect(out.subarray(length)).toEqual(description())
  if (!isFile) expect(length).toBeLessThanOrEqual(2_048)
  const found: string[] = []
  for (let at = 24; at < length - 8; ) {
    const [code, size] = [out.readUInt16LE(at), out.readUInt16LE(at + 2)]
    if (code === 1) found.push(out.toString('utf8', at + 4, at + 4 + size))
    at += 4 + size + (-size & 3)
  }
  return found
}

const comment = (value: string): Option => [1, Buffer.from(value)]
const own =
  '---\n# capture target information\ncontainer-name: web\ncontainer-type: docker\nnode-name: edge\ncluster:\n    uid: u-1\n' +
  'capture-filter: tcp port 80\nno-promiscuous-mode: true\n'

test('the context and the target, as readers of either look for them', () => {
  const [text = '', ...others] = commentsOf([[4, Buffer.from('Dumpcap')]])
  expect(others).toEqual([])
  expect(text.endsWith(own)).toBe(true)
  const [context, told] = parseAllDocuments(text).map(document => document.toJS())
  expect(context).toMatchObject({
    host: { name: 'edge' },
    targets: [
      {
        reference: 'container:web',
        netns: 4026532573,
        incarnation: { pid: 41234, 'start-time': 918273 },
        type: 'docker',
      },
    ],
  })
  expect(told).toMatchObject({ 'container-name': 'web', cluster: { uid: 'u-1' } })
})

describe('of others', () => {
  test('comments stay, ours stands behind the first', () => {
    const [text = '', ...rest] = commentsOf([comment('by hand'), comment('another')])
    expect([text.startsWith('by hand\n---\n# remora context\n'), text.endsWith(own), rest]).toEqual([
      ...[true, true],
      ['another'],
    ])
  })

  test('a description of the target is replaced, and what stands around it stays', () => {
    const [text = '', ...rest] = commentsOf([comment('first'), comment(`before\n${block}---\nafter: 1\n`)])
    expect(text.startsWith('before\n---\nafter: 1\n---\n# remora context\n')).toBe(true)
    expect([text.endsWith(own), text.includes('other'), rest]).toEqual([true, false, ['first']])
  })

  test('nothing is repeated when a stream passes twice, nor where a remora has said it', () => {
    const [once = ''] = commentsOf([])
    expect(commentsOf([comment(once)])).toEqual([once])
  })

  test('a long comment makes the context short, then away, and is left alone at last', () => {
    const [some = ''] = commentsOf([comment('a'.repeat(1_760))])
    expect([some.endsWith(own), some.includes('# remora context')]).toEqual([true, false])
    const long = 'a'.repeat(1_900)
    expect(commentsOf([comment(long)])).toEqual([long])
    expect(commentsOf([comment(long)], true)[0]).toMatch(/^a{1900}\n---\n# remora context\n/)
  })
})
