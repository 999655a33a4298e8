/**
 * `packetflix:` URLs, as web pages and Wireshark's command line hand them over: `packetflix:ws://host:5001/capture?…`, with
 * or without the inner scheme (without: TLS), with or without `/capture`, behind a path prefix, or a ticket of remora's own
 * service. One pass of decoding, so that a name with `%` or `+` survives.
 */
import { RemoraError } from '../base/errors.ts'
import { unescaped, withoutSecrets } from '../base/redact.ts'
import { parseParameters, type StockParameters } from './parameters.ts'

/** What a link means: a capture by its parameters, or one that was granted already. */
export type PacketflixUrl = {
  /** Address of the service, `http:` or `https:`, without a slash at the end. */
  readonly base: string
  /** Bearer token, where the URL carries one. */
  readonly token: string | undefined
} & (
  | { readonly kind: 'capture'; readonly parameters: StockParameters }
  | { readonly kind: 'ticket' /** Path below the base. */; readonly path: string }
)

/** Each run of slashes is looked at once: without that, many of them in the middle take the square of their number. */
const slashesAtEnd = /(?<!\/)\/+$/

/**
 * Reads a URL.
 * @throws RemoraError USAGE
 */
export function parsePacketflixUrl(text: string): PacketflixUrl {
  const url = parse(text.trim())
  const token = url.searchParams.get('token') ?? (unescaped(url.password) || undefined)
  const path = url.pathname.replace(slashesAtEnd, '')
  const [, prefix = '', ticket] = /^(.*)(\/v1\/capture\/[^/]+)$/.exec(path) ?? []
  const baseOf = (place: string) => originOf(url) + place.replace(slashesAtEnd, '')
  if (ticket !== undefined) return { kind: 'ticket', base: baseOf(prefix), token, path: ticket }
  return {
    kind: 'capture',
    base: baseOf(path.replace(/\/capture$/, '')),
    token,
    parameters: parseParameters(url.searchParams, () => undefined),
  }
}

function parse(text: string): URL {
  const inner = text.replace(/^packetflix:/i, '')
  const withScheme = /^(?:wss?|https?):\/\//i.test(inner) ? inner : `wss://${inner.replace(/^\/\//, '')}`
  const url = URL.parse(withScheme)
  if (url !== null && url.hostname !== '') return url
  throw new RemoraError('USAGE', `"${withoutSecrets(text).slice(0, 100)}" is no packetflix: URL`, {
    hint: 'For example packetflix:ws://HOST:5001/capture?container={"name":"web"}, with the JSON percent-encoded.',
  })
}

function originOf({ protocol, host }: URL): string {
  return `${protocol === 'ws:' || protocol === 'http:' ? 'http:' : 'https:'}//${host}`
}
