/**
 * The parameters of a capture as csharg writes them: in the query of `/capture`, and in the `Clustershark-*` headers
 * that override it, because some proxies drop the query of a WebSocket handshake. `netns` has no such header.
 */

export interface CaptureParameters {
  /** The `container` parameter: text goes as it is, anything else as JSON. */
  readonly target?: unknown
  readonly netns?: number | string
  /** An empty list sends an empty parameter, which is not the same as none. */
  readonly nifs?: readonly string[]
  readonly filter?: string
  readonly chaste?: boolean
  /** csharg sends both; the proxy of a Kubernetes API server drops the query, and `netns` with it. */
  readonly via?: 'both' | 'query' | 'headers'
  /** Sent besides, and instead of those of the same name. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent besides, whatever `via` says. */
  readonly query?: Readonly<Record<string, string>>
}

/** As the query, with its question mark, and as headers. */
export function encodeParameters(options: CaptureParameters): { query: string; headers: Record<string, string> } {
  const { target, netns, nifs, filter, chaste, via = 'both' } = options
  const twins = {
    container: target === undefined || typeof target === 'string' ? target : JSON.stringify(target),
    nif: nifs?.join('/'),
    filter,
    chaste: chaste ? '' : undefined,
  }
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(twins)) {
    if (value === undefined) continue
    if (via !== 'headers') query.set(name, value)
    if (via !== 'query') headers[`Clustershark-${name.charAt(0).toUpperCase()}${name.slice(1)}`] = headerValue(value)
  }
  if (netns !== undefined && via !== 'headers') query.set('netns', String(netns))
  for (const [name, value] of Object.entries(options.query ?? {})) query.set(name, value)
  query.sort()
  return { query: query.size > 0 ? `?${query}` : '', headers: { ...headers, ...options.headers } }
}

/** Go writes the UTF-8 of a text as it is, and blanks for the ends of lines; node takes bytes as Latin-1. */
function headerValue(value: string): string {
  return Buffer.from(value.replaceAll(/[\r\n]/g, ' ')).toString('latin1')
}
