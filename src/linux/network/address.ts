/** Addresses of IPv4 and IPv6 as text, in the form of RFC 5952, which iproute2 prints too. */
import { isIPv4, isIPv6 } from 'node:net'

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
  return isIPv6(text) ? addressText(ipv6Bytes(text.replace(/%.*$/, ''))) : undefined
}

/** Bytes of an IPv4 or IPv6 address in network order; undefined for any other text. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number))
  return isIPv6(text) && !text.includes('%') ? ipv6Bytes(text) : undefined
}

/** Expands the one `::` an address may have; a dotted tail stands for two groups. */
function ipv6Bytes(address: string): Uint8Array {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted ? address.replace(dotted[0], hexGroups(dotted.slice(1).map(Number))) : address
  const [head = '', tail] = text.split('::')
  const groups = (part: string) =>
    part
      .split(':')
      .filter(group => group !== '')
      .map(group => Number.parseInt(group, 16))
  const before = groups(head)
  const after = groups(tail ?? '')
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Uint8Array.from(all.flatMap(group => [group >> 8, group & 0xff]))
}

function hexGroups([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string {
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
