/** Where the service listens: `HOST:PORT`, `[IPv6]:PORT`, or `unix:PATH`. */
import { addressOf } from '../../base/address.ts'
import { RemoraError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'

/** An address the service listens at; an optional one may be missing on this host. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly optional?: boolean }
  | { readonly kind: 'unix'; readonly path: string }

/** Port of Packetflix. */
const standardPort = 5001

/** Loopback only; a host without IPv6 does without that one. */
export const standardAddresses: readonly ListenAddress[] = [
  { kind: 'tcp', host: '127.0.0.1', port: standardPort },
  { kind: 'tcp', host: '::1', port: standardPort, optional: true },
]

/**
 * Reads an address.
 * @throws RemoraError USAGE
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, path] = /^unix:(\/.+)$/.exec(text) ?? []
  // sun_path holds 108 bytes, the last of which is a zero (unix(7)).
  if (path !== undefined && Buffer.byteLength(path) < 108) return { kind: 'unix', path }
  const [, bracketed, name, port] = /^(?:(\[[^\]]+\])|([^:/\s]+)):(\d{1,5})$/.exec(text) ?? []
  const six = addressOf(bracketed ?? '')
  const host = six === undefined ? name : six.address + (six.zone === undefined ? '' : `%${six.zone}`)
  if (host !== undefined && Number(port) <= 65_535 && !isNoAddress(host)) {
    return { kind: 'tcp', host, port: Number(port) }
  }
  throw new RemoraError('USAGE', `cannot listen on "${text}"`, {
    hint: 'Use HOST:PORT, [IPv6 address]:PORT, or unix:/absolute/path.',
  })
}

/** What ends in a number is an address, or nothing (URL Standard §3.5): the resolver must not make one of it. */
function isNoAddress(host: string): boolean {
  return /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i.test(host) && addressOf(host) === undefined
}

/** How an address is written. */
export function nameOf(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** Whether only programs on this host reach an address. */
export function isLocal(address: ListenAddress): boolean {
  return address.kind === 'unix' || isLoopback(address.host)
}
