/** Texts and lists of a file that must not grow with it. */
import type { Shortened } from './model.ts'

/** Characters of a text that are kept: more than any name or filter needs, little enough for thousands. */
const longest = 1_024

/** A text, cut where it is too long; a copy, since a part of a text keeps the whole in memory. */
export function shorten(text: string): string
export function shorten(text: string | undefined): string | undefined
export function shorten(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= longest) return text
  return Buffer.from(`${text.slice(0, longest)}…`).toString()
}

/** A list that keeps its first entries and counts the rest. */
export interface ShortList<T> {
  add(entry: () => T): void
  result(): Shortened<T>
}

/**
 * An empty list.
 * @param most entries that are kept
 */
export function shortList<T>(most: number): ShortList<T> {
  const list: T[] = []
  let more = 0
  return {
    add(entry) {
      if (list.length < most) list.push(entry())
      else more++
    },
    result: () => ({ list, more }),
  }
}
