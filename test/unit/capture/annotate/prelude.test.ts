import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { nameRecords, prelude, sectionComment } from '../../../../src/capture/annotate/prelude.ts'
import type { CaptureContextFacts } from '../../../../src/metadata/context.ts'
import { targetComment } from '../../../../src/protocol/packetflix/comment.ts'
import { editedByCsharg } from '../../../helpers/csharg-editor.ts'
import { splitBlocks } from '../../../helpers/split.ts'

const context = (targets: number): CaptureContextFacts => ({
  ...{ remora: '1', capturedAt: '2026-01-01T00:00:00Z', host: { name: 'vm', kernel: '6' } },
  targets: Array.from({ length: targets }, (_, index) => ({
    ...{ reference: `docker:web-${index}`, name: `web-${index}`, type: 'docker', netns: index, interfaces: [] },
  })),
})

test.each([60_000, 1_960, 300, 0])('csharg edits a section comment of %d bytes and leaves the context whole', limit => {
  const fields = { name: 'web', type: 'docker', node: 'vm', filter: '', promiscuous: true }
  const preface = { comment: targetComment(fields), context: context(3) }
  const theirs = targetComment({ ...fields, node: 'lab', filter: 'icmp' })
  const comment = sectionComment(preface, limit)
  const documents = (text: string) => Array.from(parseAllDocuments(text), document => document.toJS())
  const own = documents(comment).slice(0, -1)
  let edited = comment
  for (let times = 0; times < 3; times++) {
    edited = editedByCsharg(edited, theirs)
    expect(documents(edited)).toEqual([...own, { ...documents(theirs)[0] }])
  }
  expect(own).toHaveLength(limit > 0 ? 1 : 0)
})

describe('names', () => {
  test('without any there is the header, with the comment and the context', () => {
    for (const names of [[], [{ address: 'nonsense', name: 'x' }]]) {
      const [header, ...others] = splitBlocks(
        Buffer.concat(prelude({ names, comment: 'comment', context: context(1) }, false)),
      )
      expect(others).toEqual([])
      expect(header?.includes('web-0')).toBe(true)
    }
  })

  test('in a stream the header is so short that Wireshark 4.0 can read it, and the whole context stands behind it', () => {
    const preface = { names: [], comment: 'comment', context: context(60) }
    const [short, rest] = splitBlocks(Buffer.concat(prelude(preface, false)))
    expect(short?.length).toBeLessThanOrEqual(2_048)
    expect(rest?.includes('web-59')).toBe(true)
    const [long, ...others] = splitBlocks(Buffer.concat(prelude(preface, true)))
    expect([long?.includes('web-59'), others]).toEqual([true, []])
  })

  test('one record an address, with all its names, the best one first', () => {
    const names = [
      { address: '10.0.0.2', name: 'web' },
      { address: 'fd00::2', name: 'web' },
      { address: '10.0.0.2', name: 'shop' },
      { address: '10.0.0.2', name: 'web' },
      { address: '300.0.0.1', name: 'no' },
    ]
    expect(nameRecords(names)).toEqual([
      { address: Uint8Array.of(10, 0, 0, 2), names: ['web', 'shop'] },
      { address: Uint8Array.of(0xfd, 0, ...new Array(13).fill(0), 2), names: ['web'] },
    ])
  })

  test('thousands of names stay within what an empty pipe takes', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => ({
      address: `10.0.${index >> 8}.${index & 255}`,
      name: `container-${index}`,
    }))
    for (const isFile of [true, false]) {
      const bytes = Buffer.concat(prelude({ names, comment: 'x'.repeat(1_900), context: context(5_000) }, isFile))
      expect(bytes.length).toBeLessThan(65_536)
    }
  })

  test('every IPv6 address becomes its bytes', () => {
    fc.assert(
      fc.property(fc.ipV6(), address => {
        if (!isIPv6(address)) return
        const [record] = nameRecords([{ address, name: 'x' }])
        expect(record?.address).toHaveLength(16)
        const groups = Array.from({ length: 8 }, (_, index) => {
          const [high = 0, low = 0] = record?.address.subarray(index * 2, index * 2 + 2) ?? []
          return ((high << 8) | low).toString(16)
        })
        expect(new URL(`http://[${groups.join(':')}]`).hostname).toBe(new URL(`http://[${address}]`).hostname)
      }),
    )
  })
})
