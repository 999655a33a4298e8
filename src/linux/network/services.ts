/** Names of services by port and protocol, from services(5). */
import { readText } from '../process/proc.ts'

/** Names by `port/protocol`; the first one counts. */
export function readServices(path = '/etc/services'): Map<string, string> {
  return parseServices(readText(path) ?? '')
}

/** Reads the lines of the file; comments, and what is none of it, are passed over. */
export function parseServices(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, place] = /^([^\s#]+)\s+(\d+\/\w+)/.exec(line) ?? []
    if (name !== undefined && place !== undefined && !found.has(place)) found.set(place, name)
  }
  return found
}
