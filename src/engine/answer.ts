/**
 * What stands in a document of an engine, taken for what it should be. An engine may be one of a container that only calls
 * itself so, and its socket is found all the same; so nothing is believed, and what is something else is as if it were missing.
 */
import type { Configuration } from './engine.ts'

type Members = Readonly<Record<string, unknown>>

/** An object, by its members; none where it is something else. */
export function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}

/** A list of objects; what else is in it falls out. */
export function objectsOf(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'object' && one !== null) : []
}

/** A text; empty where it is something else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The texts of a list. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
}

/** Labels and the like: the members that are texts. */
export function labelsOf(value: unknown): Record<string, string> {
  const entries = Object.entries(membersOf(value))
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** Characters of a description of a container that is parsed in one step. */
const longestSpec = 1024 * 1024

/** A description of a container in JSON; nothing where it is none, or too long. */
export function parsedSpec(text: string): Members {
  if (text.length > longestSpec) return {}
  try {
    return membersOf(JSON.parse(text))
  } catch {
    return {}
  }
}

/** What an OCI runtime spec configures, `{process: {env}, annotations}` (config.md of the OCI runtime specification). */
export function specConfiguration(spec: unknown): Configuration {
  const { process, annotations } = membersOf(spec)
  return { environment: textsOf(membersOf(process).env), annotations: labelsOf(annotations) }
}

/** A whole number of 0 or more that is exact; 0 where it is something else. */
export function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0
}
