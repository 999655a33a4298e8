/**
 * Secrets out of text: passwords, tokens and tickets. Every message and hint of a failure and every line of a log passes
 * {@link redact}; what was typed as an address passes {@link withoutSecrets}.
 */

/** The password of a URL with its escapes resolved; as it stands where it has a percent sign of its own. */
export function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * Free text without the secrets that have a form of their own: credentials of a URL, tokens in a query, tickets, and values of
 * an Authorization header (RFC 6750 §2.1, RFC 7617 §2) or of an environment variable in a target reference. The placeholders
 * of our own hints stay.
 */
export function redact(text: string): string {
  return text
    .replace(/([a-z0-9]:\/\/)(?!(?:USER)?:(?:PASSWORD|TOKEN)@)[^/\\?#\s"']*@/gi, '$1…@')
    .replace(/([?&]token=)[^&#\s"']+/gi, '$1…')
    .replace(/(\/v1\/capture\/)[\w-]{8,}/g, '$1…')
    .replace(/\b(Bearer|Basic) +[\w\-.~+/]{16,}=*/g, '$1 …')
    .replace(/\b(env:(?!KEY=VALUE)[^\s=]{1,256}=)[^\s,]+/g, '$1…')
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
