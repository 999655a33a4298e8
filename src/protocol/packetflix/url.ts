/**
 * `packetflix:` URLs, as web pages and Wireshark's command line hand them over: `packetflix:ws://host:5001/capture?…`, with
 * or without the inner scheme (without: TLS), with or without `/capture`, behind a path prefix, or a ticket of remora's own
 * service. One pass of decoding, so that a name with `%` or `+` survives.
 */
import { parseZonedUrl, type ZonedUrl, zonedHost } from '../../base/address.ts'
import { type Credentials, credentialsOf } from '../../base/credentials.ts'
import { RemoraError } from '../../base/errors.ts'
import { withoutSecrets } from '../../base/redact.ts'
import { parseParameters, type StockParameters } from './parameters.ts'

/** What a link means: a capture by its parameters, or one that was granted already. */
export type PacketflixUrl = {
  /** Address of the service, `http:` or `https:`, with the zone of a link-local one, without a slash at the end. */
  readonly base: string
} & Credentials &
  (
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
  const zoned = parse(text.trim())
  const { url } = zoned
  const credentials = credentialsOf(url)
  const path = url.pathname.replace(slashesAtEnd, '')
  const [, prefix = '', ticket] = /^(.*)(\/v1\/capture\/[^/]+)$/.exec(path) ?? []
  const baseOf = (place: string) => originOf(zoned) + place.replace(slashesAtEnd, '')
  if (ticket !== undefined) return { kind: 'ticket', base: baseOf(prefix), ...credentials, path: ticket }
  return {
    kind: 'capture',
    base: baseOf(path.replace(/\/capture$/, '')),
    ...credentials,
    parameters: parseParameters(url.searchParams, () => undefined),
  }
}

function parse(text: string): ZonedUrl {
  const inner = text.replace(/^packetflix:/i, '')
  const withScheme = /^(?:wss?|https?):\/\//i.test(inner) ? inner : `wss://${inner.replace(/^\/\//, '')}`
  const zoned = parseZonedUrl(withScheme)
  if (zoned !== undefined && zoned.url.hostname !== '') return zoned
  throw new RemoraError('USAGE', `"${withoutSecrets(text).slice(0, 100)}" is no packetflix: URL`, {
    hint: 'For example packetflix:ws://HOST:5001/capture?container={"name":"web"}, with the JSON percent-encoded.',
  })
}

function originOf(zoned: ZonedUrl): string {
  const { protocol } = zoned.url
  return `${protocol === 'ws:' || protocol === 'http:' ? 'http:' : 'https:'}//${zonedHost(zoned)}`
}
