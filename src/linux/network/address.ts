/** Addresses of IPv4 and IPv6 as text, in the form of RFC 5952, which iproute2 prints too. */

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
  const bytes = ipv4Bytes(text) ?? ipv6Bytes(text.replace(/%[0-9a-zA-Z.:-]+$/, ''))
  return bytes && addressText(Uint8Array.from(bytes))
}

/** Bytes of an IPv4 or IPv6 address in network order; undefined for any other text, also for one with a zone. */
export function addressBytes(text: string): Uint8Array | undefined {
  const bytes = ipv4Bytes(text) ?? ipv6Bytes(text)
  return bytes && Uint8Array.from(bytes)
}

/** Four numbers without leading zeros. By hand: the first call of net.isIPv6 compiles a pattern for 2 ms, in front of a capture. */
function ipv4Bytes(text: string): number[] | undefined {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return undefined
  const parts = text.split('.')
  const bytes = parts.map(Number)
  return bytes.every((byte, at) => byte <= 255 && String(byte) === parts[at]) ? bytes : undefined
}

/** Eight groups, of which one `::` stands for as many as are missing, and a dotted tail for two. */
function ipv6Bytes(text: string): number[] | undefined {
  const [dotted] = /[\d.]+\.\d+$/.exec(text) ?? []
  const tail = dotted === undefined ? [] : ipv4Bytes(dotted)
  if (tail === undefined) return undefined
  const plain = dotted === undefined ? text : `${text.slice(0, -dotted.length)}${hexGroups(tail)}`
  const halves = plain.split('::').map(half => (half === '' ? [] : half.split(':')))
  const [before = [], after = []] = halves
  const count = before.length + after.length
  if (halves.length > 2 || (halves.length === 2 ? count > 7 : count !== 8)) return undefined
  const groups = [...before, ...new Array<string>(8 - count).fill('0'), ...after]
  if (!groups.every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return groups.map(group => Number.parseInt(group, 16)).flatMap(group => [group >> 8, group & 0xff])
}

function hexGroups([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string {
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
