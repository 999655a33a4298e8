/**
 * IP addresses as hosts are written: with or without brackets, with the zone of a link-local one (`fe80::1%eth0`, RFC 4007
 * §11), which stands in a URL as `%25eth0` (RFC 6874) or as it is (RFC 9844). The parser of URLs takes no zone.
 */
import { type Family, familyOf, isAddress } from './ip.ts'

/** An address that was read. */
export interface HostAddress {
  /** Without brackets and zone. */
  readonly address: string
  readonly family: Family
  readonly zone: string | undefined
}

/** Reads an address; undefined for a name, and for what only looks like one. */
export function addressOf(host: string): HostAddress | undefined {
  const [, six, zone] = /^\[?([\da-f:.]+)(?:%(?:25(?=.))?([^\][/\\?#@%\s]{1,64}))?\]?$/i.exec(host) ?? []
  if (six === undefined || !isAddress(six)) return undefined
  const family = familyOf(six)
  return family === 'ipv4' && six !== host ? undefined : { address: six, family, zone }
}

/** A URL, and the zone of its host. */
export interface ZonedUrl {
  readonly url: URL
  readonly zone: string | undefined
}

/** Reads a URL whose host may have a zone; undefined when it is none. */
export function parseZonedUrl(text: string): ZonedUrl | undefined {
  const [whole, before = '', bracketed = ''] = /^([^[\]]*)(\[[^[\]]*\])/.exec(text) ?? []
  const address = bracketed.includes('%') ? addressOf(bracketed) : undefined
  const plain = address === undefined ? text : `${before}[${address.address}]${text.slice(whole?.length)}`
  const url = URL.parse(plain)
  return url === null ? undefined : { url, zone: address?.zone }
}

/** The host and port of a URL, with its zone as a URL may have it. */
export function zonedHost({ url, zone }: ZonedUrl): string {
  return zone === undefined ? url.host : url.host.replace(']', `%25${zone}]`)
}
