/** Addresses of IPv4 and IPv6 as text, in the form of RFC 5952, which iproute2 prints too. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/**
 * An address as text.
 * @param bytes four or sixteen, in network order
 */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 255)))
    return `::ffff:${bytes.subarray(12).join('.')}`
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  )
  const runs = groups.map((_, at) => zeroRun(groups, at))
  const longest = Math.max(...runs)
  if (longest < 2) return groups.join(':')
  const start = runs.indexOf(longest)
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`
}

function zeroRun(groups: readonly string[], from: number): number {
  let length = 0
  while (groups[from + length] === '0') length++
  return length
}

/** An address as somebody wrote it, in that form and without a zone; undefined for any other text. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  return isIPv6(text) ? new SocketAddress({ address: text.replace(/%.*$/, ''), family: 'ipv6' }).address : undefined
}
