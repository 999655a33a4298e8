/**
 * NO_PROXY: the hosts that are reached without a proxy, as curl (CURLOPT_NOPROXY(3)) and Go (golang.org/x/net/http/httpproxy)
 * read it. Entries are names, which cover what is below them, addresses, and ranges of addresses (CIDR, RFC 4632), each with
 * an optional port. Names are not looked up, so a range covers addresses only. A name with a leading dot covers itself too,
 * as with curl.
 */
import { addressOf } from '../base/address.ts'
import { addressBits, isWithin, type Prefix, parsePrefix } from '../base/ip.ts'

/**
 * Whether a host is on the list.
 * @param list separated by commas or white space
 * @param hostname of a URL; an IPv6 address with or without brackets
 * @param port the port that will be connected to
 */
export function isExempt(list: string, hostname: string, port: number): boolean {
  const host = withoutDot(hostname.toLowerCase())
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some(entry => entry !== '' && matches(entry, host, port))
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true
  const address = addressOf(host)
  const [network, length] = splitEntry(entry, '/')
  const range = length === undefined ? undefined : prefixOf(network, length)
  if (range !== undefined) return address !== undefined && isWithin(address.address, range)
  // A colon is a port's only where it is not an IPv6 address's own.
  const [name, wanted] = addressOf(entry) === undefined ? splitEntry(entry, ':') : [entry, undefined]
  if (wanted !== undefined && wanted !== port) return false
  const single = addressOf(name)
  const own = single && prefixOf(name, addressBits[single.family])
  if (own !== undefined) return address !== undefined && isWithin(address.address, own)
  const domain = withoutDot(name.replace(/^\*?\./, ''))
  return address === undefined && domain !== '' && (host === domain || host.endsWith(`.${domain}`))
}

/** An entry and the number behind its last separator; undefined where there is none. */
function splitEntry(entry: string, separator: '/' | ':'): [string, number | undefined] {
  const at = entry.lastIndexOf(separator)
  const number = entry.slice(at + 1)
  return at > 0 && /^\d{1,5}$/.test(number) ? [entry.slice(0, at), Number(number)] : [entry, undefined]
}

/** The prefix of an address, with or without brackets. */
function prefixOf(network: string, length: number): Prefix | undefined {
  const address = addressOf(network)
  return address && parsePrefix(`${address.address}/${length}`)
}

/** A name is the same with the dot of the root behind it (RFC 1034 §3.1). */
function withoutDot(name: string): string {
  return name.replace(/\.$/, '')
}
