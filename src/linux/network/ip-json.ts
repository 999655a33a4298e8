/**
 * The JSON of iproute2. It does not escape control characters, and an interface may be called nearly anything
 * (dev_valid_name in net/core/dev.c); nothing at all is printed for some empty lists, and empty objects by old versions.
 */

/**
 * Reads a list.
 * @throws SyntaxError when it is no JSON
 */
export function parseIpJson<T>(json: string): T[] {
  const clean = json.replace(/[^\P{Cc}\s]/gu, byte => `\\u00${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return clean.trim() === '' ? [] : (JSON.parse(clean) as T[])
}
