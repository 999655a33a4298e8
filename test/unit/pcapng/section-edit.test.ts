/** The first section header of a stream is edited as it passes, however it comes, and nothing else is touched. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sectionEditor } from '../../../src/pcapng/section-edit.ts'
import { blocksIn, type Option } from '../../helpers/pcapng-builder.ts'

const { section, description, packet } = blocksIn('LE')
const text = (code: number, value: string): Option => [code, Buffer.from(value)]
const body = Buffer.concat([description(), packet({ data: Buffer.from('some bytes') })])

/** Sends a stream through an editor in pieces of some sizes. */
function pass(
  stream: Buffer,
  edit: Parameters<typeof sectionEditor>[0],
  { limit = 2_048, sizes = [stream.length] } = {},
) {
  const editor = sectionEditor(edit, limit)
  const out: Buffer[] = []
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    out.push(editor.push(stream.subarray(at, at + size)))
    at += size
  }
  return Buffer.concat([...out, editor.rest()])
}

const first = () => ({ text: 'new', replaces: undefined })
const instead = () => ({ text: 'new', replaces: 0 })

test('other options, other comments and all that follows stay, in whatever pieces it comes', () => {
  const stream = Buffer.concat([section([text(2, 'x86'), text(1, 'one'), text(4, 'dumpcap'), text(1, 'two')]), body])
  const added = Buffer.concat([
    section([text(1, 'new'), text(1, 'one'), text(1, 'two'), text(2, 'x86'), text(4, 'dumpcap')]),
    body,
  ])
  const replaced = Buffer.concat([section([text(1, 'new'), text(1, 'two'), text(2, 'x86'), text(4, 'dumpcap')]), body])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1 }), sizes => {
      expect(pass(stream, first, { sizes })).toEqual(added)
      expect(pass(stream, instead, { sizes })).toEqual(replaced)
    }),
  )
})

test('the editor is told what there is, and by how much it may grow', () => {
  const told: unknown[] = []
  const note = (...args: unknown[]) => void told.push(args)
  const header = section([text(1, 'one'), text(1, 'ü')])
  pass(header, note)
  expect(told).toEqual([[['one', 'ü'], 2_048 - header.length - 11]])
})

describe('passes as it came:', () => {
  const plain = Buffer.concat([section(), body])
  const big = blocksIn('BE')
  const cut = Buffer.from(section([text(1, 'one')]))
  cut.writeUInt16LE(200, 26)
  test.each<[string, Buffer]>([
    ['a header in another byte order', Buffer.concat([big.section([text(1, 'one')]), big.description()])],
    ['a header whose options run past it', Buffer.concat([cut, body])],
    ['a comment that is no text', Buffer.concat([section([[1, Buffer.from([0xff, 0x41])]]), body])],
    ['a header of more than 64 KiB', Buffer.concat([section([1, 2].map(() => text(1, 'a'.repeat(40_000)))), body])],
    ['a header that would become too long', Buffer.concat([section([text(4, 'a'.repeat(2_040))]), body])],
    ['what is no section', body],
    ['half a header', section([text(1, 'one')]).subarray(0, 20)],
    ['a few bytes', plain.subarray(0, 7)],
  ])('%s', (_, stream) => {
    for (const sizes of [[stream.length], [7]]) expect(pass(stream, instead, { sizes })).toEqual(stream)
  })

  test('a section that the editor leaves alone', () => {
    expect(pass(plain, () => undefined)).toEqual(plain)
  })
})
