/** Who is at the other end of a connection, and by which connections a stream will leave. */

import { setMaxListeners } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { RemoraError } from '../../base/errors.ts'
import { canonicalAddress, familyOf, isAddress, isLoopbackAddress, prefixOf, unmapped } from '../../base/ip.ts'
import type { StreamConnection } from '../../capture/request/own-stream.ts'

/** Address of the client, as the socket knows it; `unix` for a socket of this host. */
export function peerAddress({ socket }: Pick<IncomingMessage, 'socket'>): string {
  return socket.remoteAddress === undefined ? 'unix' : plain(socket.remoteAddress)
}

/**
 * The client as limits count it: this machine has many addresses of its own, and whoever has one IPv6 address has all of its /64
 * (RFC 6177).
 */
export function peerGroup(request: Pick<IncomingMessage, 'socket'>): string {
  return addressGroup(request.socket.remoteAddress)
}

/** The same for an address of the kernel's; undefined is a socket of this host. */
export function addressGroup(text: string | undefined): string {
  if (text === undefined) return 'unix'
  const address = plain(text)
  if (!isAddress(address)) return text
  if (isLoopbackAddress(address)) return 'loopback'
  return familyOf(address) === 'ipv4' ? address : (prefixOf(address, 64) ?? text)
}

const departures = new WeakMap<Socket, AbortSignal>()

/**
 * Aborts when the client of a request has gone. The connection is what tells: an answer that waits for its turn behind others
 * never hears of it.
 */
export function departure({ socket }: Pick<IncomingMessage, 'socket'>): AbortSignal {
  const known = departures.get(socket)
  if (known !== undefined) return known
  const gone = new AbortController()
  // As many wait for it as requests came on the connection.
  setMaxListeners(0, gone.signal)
  const abort = () => gone.abort(new RemoraError('CAPTURE_FAILED', 'the client has gone'))
  if (socket.destroyed) abort()
  else socket.once('close', abort)
  departures.set(socket, gone.signal)
  return gone.signal
}

/**
 * The connection itself, and the one to the proxy in front where that tells of it. What a header says is only ever left
 * out of the client's own capture, so a lie harms nobody else.
 */
export function streamConnections({
  socket,
  headers,
}: Pick<IncomingMessage, 'socket' | 'headers'>): StreamConnection[] {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined || localAddress === undefined) return []
  const direct: StreamConnection = {
    addresses: [plain(remoteAddress), plain(localAddress)],
    ports: [remotePort, localPort].filter(port => port !== undefined),
  }
  const hop = forwardedHop(headers)
  return hop === undefined ? [direct] : [direct, hop]
}

/** The client's connection to a proxy: RFC 7239, or the headers that came before it. */
function forwardedHop(headers: IncomingMessage['headers']): StreamConnection | undefined {
  const [, element] = /(?:^|[;, ])for=("[^"]*"|[^;, ]+)/i.exec(first(headers.forwarded)) ?? []
  const node = element?.replaceAll('"', '') ?? first(headers['x-forwarded-for'])
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-f:.]+?))(?::(\d+))?$/i.exec(node.trim()) ?? []
  const address = plain(bracketed ?? bare ?? '')
  if (!isAddress(address)) return undefined
  const proxyPort = portNumber(first(headers['x-forwarded-port'])) ?? (isSecure(headers) ? 443 : 80)
  return { addresses: [address, address], ports: [portNumber(port) ?? proxyPort] }
}

function portNumber(text = ''): number | undefined {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
}

function isSecure(headers: IncomingMessage['headers']): boolean {
  return /proto=https/i.test(first(headers.forwarded)) || first(headers['x-forwarded-proto']) === 'https'
}

function first(header: string | string[] | undefined): string {
  return (Array.isArray(header) ? header[0] : header)?.split(',')[0] ?? ''
}

/** An address as text of its own family, without a zone; any other text as it is. */
function plain(text: string): string {
  const address = canonicalAddress(text) ?? text
  return unmapped(address) ?? address
}
