/** Who is at the other end of a connection, and by which connections a stream will leave. */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { StreamConnection } from '../capture/own-stream.ts'

/** Address of the client, as the socket knows it; `unix` for a socket of this host. */
export function peerAddress({ socket }: IncomingMessage): string {
  return socket.remoteAddress === undefined ? 'unix' : plain(socket.remoteAddress)
}

/**
 * The connection itself, and the one to the proxy in front where that tells of it. What a header says is only ever left
 * out of the client's own capture, so a lie harms nobody else.
 */
export function streamConnections({ socket, headers }: IncomingMessage): StreamConnection[] {
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
  if (isIP(address) === 0) return undefined
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

/** An IPv4 address that came in IPv6 clothes (RFC 4291 §2.5.5.2), without a zone. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
}
