/** Texts as nobody sensible writes them. */
import fc from 'fast-check'

const words = [
  ...['', '-', '--', '..', '/', '\0', '\r\n', '%', '%00', '%2e', '%zz', '$(id)', '`id`', '../../x', '{}', '[]', 'null'],
  ...['{', '}', '} {', '}{', '{value=', ' ', '\t', '|', '"', "'", '\\', '=', ',', ';', '@', ':', '?', '&', '#', '+'],
  ...['\u0085', '\u200d', '\u202e', '\u2028', '\ufeff', '\ud800', '\udfff', '🦈', 'é', 'e\u0301', 'ẞ'],
  ...['__proto__', 'constructor', 'true', 'any', 'all', '0', '-1', '1e999', '9007199254740993', 'tcp) or (udp'],
  ...['TCP@1.2.3.4', 'rpcap://x/eth0', '-w /tmp/x', 'A'.repeat(300)],
]

/** Any text at all, of UTF-16 units: also such that is not well-formed. */
export const anyText = fc.oneof(
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map(parts => parts.join('')) },
)

/** Text without broken halves of characters, as what was UTF-8 has. */
export const wellFormedText = anyText.map(text => text.toWellFormed())

/** Objects as code makes them; by itself fast-check also makes some without a prototype, which are never equal to others. */
export function record<T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(members, { noNullPrototype: true })
}
