/** The values of references: how they are encoded, and the forms that several schemes have. */
import type { Malformed } from './scheme.ts'

/** White space, control and format characters, braces, the percent sign itself, and commas, which part references. */
const unsafe = /[\s\p{C}\p{Z}%{},]/gu

/** Percent-encodes what would not survive a sentence of Wireshark, a preference file, a URL or a list of references. */
export function encode(value: string): string {
  return value.toWellFormed().replace(unsafe, character => encodeBytes(character))
}

function encodeBytes(character: string): string {
  return [...Buffer.from(character)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** Decodes `%XX`, and takes any other percent sign literally. Half a surrogate pair, which JSON can bring, is no character. */
export function decode(value: string): string {
  const decoded = value.replace(/(?:%[0-9A-Fa-f]{2})+/g, run => Buffer.from(run.replaceAll('%', ''), 'hex').toString())
  return decoded.toWellFormed()
}

/** Reads `KEY=VALUE`. */
export function pairOf(
  pair: string,
  malformed: Malformed,
  expected: string,
): { readonly key: string; readonly value: string } {
  const equals = pair.indexOf('=')
  if (equals < 1) throw malformed(`expected ${expected}`)
  return { key: pair.slice(0, equals), value: pair.slice(equals + 1) }
}

/** Reads a text that is not empty. */
export function required(value: string, malformed: Malformed, expected: string): string {
  if (value === '' || value.includes('\0')) throw malformed(`expected ${expected}`)
  return value
}
