/** Names and addresses that mean this machine by definition (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3). */
import { addressOf } from './address.ts'
import { isLoopbackAddress } from './ip.ts'

/** Whether a host name is `localhost` or below it. */
export function isLocalhost(host: string): boolean {
  return /^(?:.*\.)?localhost$/i.test(host)
}

/** Whether a host, a name or an address with or without brackets, is this machine itself. */
export function isLoopback(host: string): boolean {
  const address = addressOf(host)
  return address === undefined ? isLocalhost(host) : isLoopbackAddress(address.address)
}
