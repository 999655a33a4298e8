/**
 * Packets that are given options on their way: direction, a number, what was lost before them, a comment
 * (draft-ietf-opsawg-pcapng §4.3). They are written where they go, without anything being made for each of them.
 */
import { optionCodes } from './block.ts'
import { packetField } from './lane.ts'
import type { Slab } from './slab.ts'

/** What is added to a packet; undefined or 0 is left out. */
export interface Decoration {
  /** epb_flags. */
  flags: number
  /** epb_dropcount. */
  lost: number
  /** epb_packetid. */
  packetId: number
  comment: Buffer | undefined
}

const codes = { flags: 2, lost: 4, packetId: 5 } as const

/** Bytes that a decoration adds to a block at most. */
export function decorationLength({ flags, lost, packetId, comment }: Decoration): number {
  const commentLength = comment === undefined ? 0 : 4 + padded(comment.length)
  return commentLength + (flags > 0 ? 8 : 0) + (lost > 0 ? 12 : 0) + (packetId > 0 ? 12 : 0) + 4
}

/**
 * Writes an enhanced packet with more options, which stand before those it has.
 * @param at words from the start of the source, where the block begins
 * @param to words from the start of the target, which has room for the block and {@link decorationLength}
 * @returns words written
 */
export function writeDecorated(source: Int32Array, at: number, target: Slab, to: number, added: Decoration): number {
  const { words } = target
  const length = (source[at + 1] as number) >> 2
  const data = packetField.data + (padded(source[at + packetField.captured] as number) >> 2)
  let end = to
  for (let index = 0; index < data; index++) words[end++] = source[at + index] as number
  if (added.comment !== undefined) end = writeComment(target, end, added.comment)
  if (added.flags > 0) {
    words[end++] = header(codes.flags, 4)
    words[end++] = added.flags
  }
  if (added.lost > 0) end = writeNumber(words, end, codes.lost, added.lost)
  if (added.packetId > 0) end = writeNumber(words, end, codes.packetId, added.packetId)
  if (data + 1 < length) for (let index = data; index < length - 1; index++) words[end++] = source[at + index] as number
  else words[end++] = header(optionCodes.endOfOptions, 0)
  words[end++] = words[to + 1] = (end - to) << 2
  return end - to
}

function writeComment({ bytes, words }: Slab, to: number, comment: Buffer): number {
  words[to] = header(optionCodes.comment, comment.length)
  const start = (to + 1) << 2
  const end = start + padded(comment.length)
  bytes.fill(0, end - 4, end)
  comment.copy(bytes, start)
  return end >> 2
}

/** A 64-bit option. */
function writeNumber(words: Int32Array, to: number, code: number, value: number): number {
  const [low, high] = [value >>> 0, Math.floor(value / 2 ** 32)]
  words[to] = header(code, 8)
  words[to + 1] = little ? low : high
  words[to + 2] = little ? high : low
  return to + 3
}

const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Code and length of an option, in the order they lie in memory. */
function header(code: number, length: number): number {
  return little ? (length << 16) | code : (code << 16) | length
}

function padded(length: number): number {
  return length + (-length & 3)
}
