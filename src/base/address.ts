/**
 * IP addresses as hosts are written: with or without brackets, with the zone of a link-local one (`fe80::1%eth0`, RFC 4007
 * §11), which stands in a URL as `%25eth0` (RFC 6874) or as it is (RFC 9844). The parser of URLs takes no zone.
 */
import { BlockList, isIP } from 'node:net'

/** An address that was read. */
export interface HostAddress {
  /** Without brackets and zone. */
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly zone: string | undefined
}

/** Reads an address; undefined for a name, and for what only looks like one. */
export function addressOf(host: string): HostAddress | undefined {
  const [, six, zone] = /^\[?([\da-f:.]+)(?:%(?:25(?=.))?([^\][/\\?#@%\s]{1,64}))?\]?$/i.exec(host) ?? []
  const version = six === undefined ? 0 : isIP(six)
  if (six === undefined || version === 0 || (version === 4 && six !== host)) return undefined
  return { address: six, family: version === 4 ? 'ipv4' : 'ipv6', zone }
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether an address is one of this machine itself, also as IPv6 writes one of IPv4 (RFC 4291 §2.5.5.2). */
export function isLoopbackAddress({ address, family }: HostAddress): boolean {
  return loopback.check(address, family)
}

/** A URL, and the zone of its host. */
export interface ZonedUrl {
  readonly url: URL
  readonly zone: string | undefined
}

/** Reads a URL whose host may have a zone; undefined when it is none. */
export function parseZonedUrl(text: string): ZonedUrl | undefined {
  const [whole, before = '', bracketed = ''] = /^([^[\]]*)(\[[^[\]]*%[^[\]]*\])/.exec(text) ?? []
  const address = whole === undefined ? undefined : addressOf(bracketed)
  const plain = address === undefined ? text : `${before}[${address.address}]${text.slice(whole?.length)}`
  const url = URL.parse(plain)
  return url === null ? undefined : { url, zone: address?.zone }
}

/** The host and port of a URL, with its zone as a URL may have it. */
export function zonedHost({ url, zone }: ZonedUrl): string {
  return zone === undefined ? url.host : url.host.replace(']', `%25${zone}]`)
}
