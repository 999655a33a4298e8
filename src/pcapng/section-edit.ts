/**
 * Rewrites the comment of the first section header of a stream in passing. Only that one block is ever held back; from there on
 * the stream is what comes. A header that is too long, damaged, or in another byte order than ours, passes as it is.
 */
import { endianness } from 'node:os'
import { block, blockTypes, option, optionCodes, sectionByteOrder } from './block.ts'
import { makeSource, readOptions, type Source } from './options.ts'

/**
 * Makes the new comment of a section.
 * @param comments those it has, as text
 * @param spare bytes by which the comments may become longer
 * @returns undefined to leave the section as it is
 */
export type EditComment = (comments: readonly string[], spare: number) => EditedComment | undefined

/** A new comment, which stands first. */
export interface EditedComment {
  readonly text: string
  /** Number of the comment in whose place it comes; undefined: it is one more. */
  readonly replaces: number | undefined
}

/** An editor of one stream. */
export interface SectionEditor {
  /** Returns what may go on: nothing while the header is not whole. */
  push(chunk: Buffer): Buffer
  /** Returns what is held back when the stream ends. */
  rest(): Buffer
}

/** Bytes of a header that are held back. */
const longestHeader = 64 * 1024
const leastHeader = 28
const optionHead = 4
/** Bytes that one more option takes beside its value, and the end of options where there was none. */
const newOptions = optionHead + 3 + optionHead

/** @param limit greatest length of the edited header */
export function sectionEditor(edit: EditComment, limit: number): SectionEditor {
  let held: Buffer | undefined = Buffer.alloc(0)
  const release = (bytes: Buffer): Buffer => {
    held = undefined
    return bytes
  }
  return {
    push(chunk) {
      if (held === undefined) return chunk
      held = Buffer.concat([held, chunk])
      if (held.length < 12) return Buffer.alloc(0)
      const length = sectionByteOrder(held, 0) === endianness() ? lengthOf(held) : Number.POSITIVE_INFINITY
      if (length < leastHeader || length > longestHeader || length % 4 !== 0) return release(held)
      if (held.length < length) return Buffer.alloc(0)
      const edited = editHeader(held.subarray(0, length), edit, limit)
      return release(edited === undefined ? held : Buffer.concat([edited, held.subarray(length)]))
    },
    rest: () => release(held ?? Buffer.alloc(0)),
  }
}

function lengthOf(header: Buffer): number {
  return endianness() === 'LE' ? header.readUInt32LE(4) : header.readUInt32BE(4)
}

/** Options as they came: comments, and the others. */
interface Options {
  readonly comments: Buffer[]
  readonly others: Buffer[]
}

/** The header with another comment; undefined when it stays as it is. */
function editHeader(header: Buffer, edit: EditComment, limit: number): Buffer | undefined {
  const source = makeSource(header, endianness() === 'LE')
  const { comments, others }: Options = { comments: [], others: [] }
  readOptions(source, 24, header.length - 4, { comments, others }, takeOption)
  if (source.damage !== undefined) return undefined
  const texts = comments.map(String)
  const told = edit(texts, limit - header.length - newOptions)
  if (told === undefined) return undefined
  // What is no text would not survive.
  if (told.replaces !== undefined && comments[told.replaces]?.equals(Buffer.from(texts[told.replaces] ?? '')) !== true)
    return undefined
  const kept = comments.filter((_, at) => at !== told.replaces)
  // The length of the section is told as unknown, since it changes.
  const fixed = Buffer.concat([header.subarray(8, 16), Buffer.alloc(8, 0xff)])
  const options = [Buffer.from(told.text), ...kept].map(text => option(optionCodes.comment, text))
  const edited = block(blockTypes.sectionHeader, [fixed, ...options, ...others, option(optionCodes.endOfOptions)])
  return edited.length > limit ? undefined : edited
}

function takeOption({ comments, others }: Options, code: number, { bytes }: Source, at: number, length: number): void {
  const value = bytes.subarray(at, at + length)
  if (code === optionCodes.comment) comments.push(value)
  else others.push(bytes.subarray(at - optionHead, at + length + (-length & 3)))
}
