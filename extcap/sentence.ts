/**
 * Sentences: what an extcap prints, one a line (extcap_parser.c). `word {name=value}{name=value}`, where a value ends at
 * a brace that is followed by another brace, a blank or the end of the line. There is no escape, so whatever could end a
 * value, a line, or the parser is replaced before it is written.
 */

/** Attributes in the order they are written; undefined ones are left out. */
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

type Word = 'extcap' | 'interface' | 'dlt' | 'arg' | 'value'

/** One sentence with its line end. */
export function sentence(word: Word, attributes: Attributes): string {
  const written = Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [`{${name}=${attributeText(String(value))}}`],
  )
  return `${word} ${written.join('')}\n`
}

/**
 * Text as it may stand in an attribute: valid UTF-8 on one line, only characters GLib holds printable
 * (Wireshark aborts over any other in a display), no braces, no blanks at either end.
 */
export function attributeText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{C}\p{Z}\s]+/gu, ' ')
    .replaceAll('{', '(')
    .replaceAll('}', ')')
    .trim()
}
