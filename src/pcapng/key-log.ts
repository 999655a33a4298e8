/**
 * Lines of a TLS key log (SSLKEYLOGFILE, RFC 9850): what they are called there, in NSS before it, and in QUIC. Whoever
 * writes such a file may write anything into it, so only what is a key by its form goes on, and nothing else does.
 */

/** Bytes of the longest line that is taken; the keys of today are 250 bytes long. */
export const longestKeyLine = 1_024

const labels = [
  // RFC 9850, sections 2.1 to 2.3; QUIC had its own names before it was a standard.
  '(?:QUIC_)?CLIENT_EARLY_TRAFFIC_SECRET',
  '(?:QUIC_)?(?:CLIENT|SERVER)_HANDSHAKE_TRAFFIC_SECRET',
  '(?:QUIC_)?(?:CLIENT|SERVER)_TRAFFIC_SECRET_\\d{1,9}',
  '(?:QUIC_)?(?:EARLY_)?EXPORTER_SECRET',
  'CLIENT_RANDOM',
  'ECH_SECRET',
  'ECH_CONFIG',
  // tls_keylog_process_lines in epan/dissectors/packet-tls-utils.c of Wireshark
  'PMS_CLIENT_RANDOM',
]

const random = '[0-9a-fA-F]{64}'
const secret = '(?:[0-9a-fA-F]{2}){1,450}'

/** The last alternative is the form of NSS for the key exchange of RSA: 8 bytes of the encrypted secret, then all of it. */
const keyLine = new RegExp(
  `^(?:(?:${labels.join('|')}) ${random} ${secret}|RSA [0-9a-fA-F]{16} [0-9a-fA-F]{96})$`,
  'gm',
)

/** The lines that are keys, each with a line feed behind it; empty when none is. */
export function keyLines(text: Buffer): Buffer {
  const lines = text.toString('latin1').match(keyLine) ?? []
  return Buffer.from(lines.map(line => `${line}\n`).join(''), 'latin1')
}

/** Lines in pieces of at most so many bytes, cut at the ends of lines; a longer line is a piece of its own. */
export function* splitLines(lines: Buffer, limit: number): Generator<Buffer> {
  for (let start = 0; start < lines.length; ) {
    const whole = lines.length - start <= limit
    const last = whole ? -1 : lines.lastIndexOf(0x0a, start + limit - 1)
    const end = whole ? lines.length : last >= start ? last + 1 : nextLine(lines, start)
    yield lines.subarray(start, end)
    start = end
  }
}

function nextLine(lines: Buffer, start: number): number {
  const next = lines.indexOf(0x0a, start)
  return next < 0 ? lines.length : next + 1
}
