import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { targetComment } from '../../../../src/protocol/packetflix/comment.ts'

const plain = { name: 'web', type: 'docker', node: 'host', filter: '', promiscuous: true }

test('plain values are written as csharg writes them', () => {
  expect(targetComment({ ...plain, node: '' })).toBe(
    '---\n# capture target information\ncontainer-name: web\ncontainer-type: docker\nnode-name: ""\n',
  )
  expect(targetComment({ ...plain, filter: 'tcp port 80', promiscuous: false })).toBe(
    '---\n# capture target information\ncontainer-name: web\ncontainer-type: docker\nnode-name: host\n' +
      'capture-filter: tcp port 80\nno-promiscuous-mode: true\n',
  )
})

test('a cluster stands behind the host', () => {
  const clustered = targetComment({ ...plain, cluster: 'u-1', filter: 'icmp' })
  expect(clustered).toContain('\nnode-name: host\ncluster:\n    uid: u-1\ncapture-filter: icmp\n')
  expect(parse(targetComment({ ...plain, cluster: '' }))).toMatchObject({ cluster: { uid: '' } })
})

test('the longest comment fits into the section header of a stream', () => {
  const long = '\u0085'.repeat(2_000)
  const fields = {
    name: long,
    type: long,
    node: long,
    cluster: long,
    filter: long,
    excluding: long,
    promiscuous: false,
  }
  expect(Buffer.byteLength(targetComment(fields))).toBeLessThan(1_740)
})

test('an empty target makes a comment of the length csharg has', () => {
  expect(targetComment({ name: '', type: '', node: '', filter: '', promiscuous: true })).toHaveLength(85)
})

const awkward = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    'yes',
    'null',
    '~',
    '1e3',
    '0x10',
    '- a',
    'a: b',
    'a #b',
    '"',
    "'",
    '---',
    '\n---\n',
    '\u0085',
    '\u2028',
    '{a',
    '&a',
    '*a',
    '!a',
    'a ',
  ),
)

test('any YAML reader gets back what was meant, in both versions of YAML', () => {
  fc.assert(
    fc.property(awkward, awkward, awkward, fc.boolean(), (name, node, filter, promiscuous) => {
      const comment = targetComment({ name, type: 'docker', node, filter, promiscuous })
      for (const version of ['1.1', '1.2'] as const) {
        expect(parse(comment, { version })).toEqual({
          'container-name': name,
          'container-type': 'docker',
          'node-name': node,
          ...(filter !== '' && { 'capture-filter': filter }),
          ...(!promiscuous && { 'no-promiscuous-mode': true }),
        })
      }
      expect(comment.slice(4)).not.toMatch(/\n---/)
    }),
  )
})
