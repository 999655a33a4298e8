/** Wireshark's own way of reading sentences: the two regular expressions of extcap_parser.c, written anew for JavaScript. */

export interface Sentence {
  readonly word: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Reads one line; undefined when Wireshark would pass over it. */
export function parseSentence(line: string): Sentence | undefined {
  const [, blanks, word] = /^([\t| ]*)(arg|value|interface|extcap|dlt|control)(?=[\t| ]+\{)/i.exec(line) ?? []
  if (word === undefined || blanks !== '') return undefined
  const attributes: Record<string, string> = {}
  for (const [, name = '', value = ''] of line.matchAll(/\{([a-zA-Z_-]*?)=(.*?)\}(?=\{|$|[ \t\r\n\f\v])/g)) {
    attributes[name.toLowerCase()] = value
  }
  return { word: word.toLowerCase(), attributes }
}

/** Reads everything an extcap printed. */
export function parseSentences(text: string): Sentence[] {
  return text.split('\n').flatMap(line => parseSentence(line) ?? [])
}
