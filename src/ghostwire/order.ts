/** Orders that do not depend on the locale of whoever asks. */

/** Compares by a text, code unit by code unit. */
export function byText<T>(textOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => compareText(textOf(a), textOf(b))
}

/** Compares texts, code unit by code unit; a comparator for `sort`. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
