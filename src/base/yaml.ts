/**
 * The little YAML that section comments are made of, for readers of YAML 1.1 and 1.2 alike: block mappings indented by two
 * spaces, lists, and scalars that cannot be taken for anything but text, whatever a container is called or labelled.
 */

/** What can be written. */
export type Yaml = string | number | boolean | readonly Yaml[] | YamlMap

/** What is undefined or empty is left out. */
export interface YamlMap {
  readonly [key: string]: Yaml | undefined
}

/** A key and its colon must stand within 1024 characters of a line (YAML 1.2 §7.4.2); a longer one is left out. */
const longestKey = 1_000
/** Lists of scalars up to this length stand in one line. */
const longestLine = 90

/** Lines of a block mapping, without an end of line. */
export function yamlLines(map: YamlMap): string[] {
  return Object.entries(map).flatMap(([key, value]) => {
    const name = scalar(key)
    return value === undefined || name.length > longestKey ? [] : entryLines(name, value)
  })
}

function entryLines(name: string, value: Yaml): string[] {
  if (!isList(value)) {
    if (typeof value !== 'object') return [`${name}: ${plain(value)}`]
    const lines = yamlLines(value)
    return lines.length === 0 ? [] : [`${name}:`, ...indented(lines)]
  }
  const items = value.map(itemLines).filter(lines => lines.length > 0)
  if (items.length === 0) return []
  const inline = `${name}: [${items.join(', ')}]`
  if (value.every(item => typeof item !== 'object') && inline.length <= longestLine) return [inline]
  return [`${name}:`, ...indented(items.flatMap(([first = '', ...others]) => [`- ${first}`, ...indented(others)]))]
}

/** Lines of an element; a list within a list does not occur. */
function itemLines(value: Yaml): string[] {
  if (typeof value !== 'object') return [plain(value)]
  return isList(value) ? [] : yamlLines(value)
}

function plain(value: string | number | boolean): string {
  return typeof value === 'string' ? scalar(value) : String(value)
}

function isList(value: Yaml): value is readonly Yaml[] {
  return Array.isArray(value)
}

function indented(lines: readonly string[]): string[] {
  return lines.map(line => `  ${line}`)
}

/** Words a YAML 1.1 or 1.2 reader takes for something other than text. */
const reserved = /^(?:y|n|yes|no|on|off|true|false|null|~|\.nan|[-+]?\.inf)$/i

/**
 * A YAML scalar: plain where that is certain, else double-quoted (YAML 1.2 §7.3.1 takes JSON strings as they are).
 * Control characters outside ASCII are escaped too, since they are not printable in the sense of §5.1.
 */
export function scalar(text: string): string {
  if (/^[A-Za-z_/][\w ./()-]*$/.test(text) && !text.endsWith(' ') && !reserved.test(text)) return text
  return JSON.stringify(text.toWellFormed()).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
