/**
 * Addresses and prefixes of IPv4 and IPv6: the one door to ipaddr.js. That takes more than the standards do, `010.0.0.1`,
 * `0x7f.1` and `::1.2.3.4` for a mapped address, so a text is looked at before; and it writes mapped addresses without dots.
 * Addresses are passed as text in the form of RFC 5952, which iproute2 prints too.
 */
import ipaddr from 'ipaddr.js'

/** Version of the internet protocol. */
export type Family = 'ipv4' | 'ipv6'

/** Length of an address, bits. */
export const addressBits: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 }

/** What stands for every address of a family. */
export const unspecified: Readonly<Record<Family, string>> = { ipv4: '0.0.0.0', ipv6: '::' }

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Characters of the longest address: eight groups, of which two are dotted. */
const longestAddress = 45
/** Characters of the longest with a zone, which is a name of an interface (IFNAMSIZ in linux/if.h). */
const longestZoned = longestAddress + 16

function parse(text: string): Address | undefined {
  if (text.length > longestAddress) return undefined
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Eight groups, of which `::` may stand for some, and a dotted tail for two (RFC 4291 §2.2); without a zone. */
function parseIpv6(text: string): ipaddr.IPv6 | undefined {
  const colon = text.lastIndexOf(':')
  const tail = text.slice(colon + 1)
  const dotted = tail.includes('.') ? parseIpv4(tail) : undefined
  const plain = dotted === undefined ? text : text.slice(0, colon + 1) + groupsOf(dotted)
  return sixLike.test(plain) ? attempt(() => ipaddr.IPv6.parse(plain)) : undefined
}

/** Four decimal numbers without leading zeros. */
function parseIpv4(text: string): ipaddr.IPv4 | undefined {
  return fourLike.test(text) ? attempt(() => ipaddr.IPv4.parse(text)) : undefined
}

/** What may be an address: ipaddr.js refuses by an exception, which takes 10 us, and anybody may fill a hosts file with nonsense. */
const fourLike = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/
const sixLike = /^(?=.*::|(?:[^:]+:){7}[^:]+$)(?!.*::.*::|.*[^:]{5}|(?:[^:]*:){9})[0-9a-f:]{2,39}$/i

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

/** An address of IPv4 as the last two groups of one of IPv6. */
function groupsOf(address: ipaddr.IPv4): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.octets
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

function textOf(address: Address): string {
  return isMapped(address) ? `::ffff:${address.toIPv4Address()}` : address.toString()
}

function isMapped(address: Address): address is ipaddr.IPv6 {
  if (address instanceof ipaddr.IPv4) return false
  return address.parts[5] === 0xffff && address.parts.slice(0, 5).every(part => part === 0)
}

/** An address without its clothes of IPv6 (RFC 4291 §2.5.5.2). */
function bare(address: Address): Address {
  return isMapped(address) ? address.toIPv4Address() : address
}

/** An address of IPv4 in those clothes; the library makes them by way of a text, which takes ten times as long. */
function mapped(address: Address): ipaddr.IPv6 {
  if (address instanceof ipaddr.IPv6) return address
  return new ipaddr.IPv6([...Array<number>(10).fill(0), 0xff, 0xff, ...address.octets])
}

/** Whether a text is an address, without a zone. */
export function isAddress(text: string): boolean {
  return parse(text) !== undefined
}

/** Family of a text that is an address. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

/** An address as somebody wrote it, in the form of RFC 5952 and without a zone; undefined for any other text. */
export function canonicalAddress(text: string): string | undefined {
  if (text.length > longestZoned) return undefined
  const address = parse(text) ?? parseIpv6(text.replace(/%[0-9a-zA-Z.:-]+$/, ''))
  return address && textOf(address)
}

/** Bytes of an address in network order; undefined for any other text, also for one with a zone. */
export function addressBytes(text: string): Uint8Array | undefined {
  const address = parse(text)
  return address && Uint8Array.from(address.toByteArray())
}

/**
 * An address as text.
 * @param bytes four or sixteen, in network order
 */
export function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : textOf(ipaddr.fromByteArray([...bytes]))
}

/**
 * Bytes of an address that the kernel prints as hexadecimal numbers of 32 bits (proc_pid_net(5)).
 * @param order byte order of the machine
 */
export function wordsToBytes(hex: string, order: 'LE' | 'BE'): Buffer {
  const bytes = Buffer.from(hex, 'hex')
  return order === 'LE' ? bytes.swap32() : bytes
}

/** The address of IPv4 that an address of IPv6 stands for (RFC 4291 §2.5.5.2); undefined for any other. */
export function unmapped(text: string): string | undefined {
  // Most are told at a glance.
  if (!/^[0:]*:ffff:/i.test(text)) return undefined
  const address = parse(text)
  return address !== undefined && isMapped(address) ? address.toIPv4Address().toString() : undefined
}

/** Whether an address stands for every one of its family. */
export function isUnspecified(address: string): boolean {
  return address === unspecified.ipv4 || address === unspecified.ipv6
}

/** Whether an address is one of this machine itself (127.0.0.0/8, ::1), also a mapped one. */
export function isLoopbackAddress(text: string): boolean {
  return rangeOf(text) === 'loopback'
}

/** Whether an address is unique on one link only (169.254.0.0/16, fe80::/10), also a mapped one. */
export function isLinkLocal(text: string): boolean {
  return rangeOf(text) === 'linkLocal'
}

function rangeOf(text: string): string | undefined {
  const address = parse(text)
  return address && bare(address).range()
}

/** Addresses that begin with the same bits. */
export interface Prefix {
  readonly address: Address
  /** Length, bits. */
  readonly length: number
}

/** Reads `10.0.0.0/8`, whatever the bits behind the prefix are; undefined for any other text. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, network = '', digits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const address = parse(network)
  const length = Number(digits)
  return address === undefined || length > addressBits[address.kind()] ? undefined : { address, length }
}

/** Whether an address lies in one of several prefixes; an address of IPv4 and the mapped one are the same. */
export function isWithin(text: string, ...prefixes: readonly Prefix[]): boolean {
  const address = parse(text)
  if (address === undefined) return false
  const [four, six] = [bare(address), mapped(address)]
  return prefixes.some(({ address: network, length }) =>
    network instanceof ipaddr.IPv6
      ? six.match(network, length)
      : four instanceof ipaddr.IPv4 && four.match(network, length),
  )
}

/** The prefix of a length that an address lies in, `2001:db8:1:2::/64`; undefined for a text that is none. */
export function prefixOf(text: string, length: number): string | undefined {
  const address = parse(text)
  if (address === undefined) return undefined
  const family = address instanceof ipaddr.IPv4 ? ipaddr.IPv4 : ipaddr.IPv6
  return `${textOf(family.networkAddressFromCIDR(`${address}/${length}`))}/${length}`
}

/** Length of the prefix a netmask of IPv4 stands for; undefined for one with holes. */
export function netmaskLength(mask: Uint8Array): number | undefined {
  return new ipaddr.IPv4([...mask]).prefixLengthFromSubnetMask() ?? undefined
}
