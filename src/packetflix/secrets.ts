/** The parts of a URL that nobody else may see. */

/** The password of a URL with its escapes resolved; as it stands where it has a percent sign of its own. */
export function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Characters that are shown; no password is as long, and the time to look for one grows with their square. */
const mostShown = 8_192

/**
 * A URL, or what was meant to be one, as it may be shown and logged: without passwords and tokens, and not longer than
 * anybody reads. A process in a target reference (`pid:1@2`) stays.
 */
export function withoutSecrets(text: string): string {
  return (
    text
      .slice(0, mostShown)
      // The parser of URLs passes over them, wherever they stand (URL Standard, 4.4).
      .replace(/[\t\r\n]/g, '')
      .replace(/(^(?!pid:\d|packetflix:)|packetflix:(?!\w+:\/\/)|[/\\\s](?!pid:\d))[^/\\?#\s]*@/gi, '$1…@')
      .replace(/([?&]token=)[^&#\s]*/gi, '$1…')
      .replace(/(\/v1\/capture\/)[^/?#\s]+/g, '$1…')
  )
}
