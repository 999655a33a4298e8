/**
 * A capture service that speaks as stock Packetflix does, with Ghostwire behind it, for tests of our client: with all
 * its faults, each of them an option. The upgrade comes before the parameters are looked at, so their errors arrive in
 * a close frame, with the code 1006 that RFC 6455 (section 7.4.1) forbids on the wire.
 */
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type Content, type StockConnection, type StreamOptions, serveStream } from './stock-stream.ts'
import { acceptFor } from './websocket.ts'

export interface StockServerOptions extends StreamOptions {
  /** What a capture sends; a function can tell by the request. */
  readonly content?: Content | ((request: StockRequest) => Content)
  /** The document of `/mobyshark`. */
  readonly document?: unknown
  /** The document of `/json`; without it there is the page that is there for everything. */
  readonly topology?: unknown
  readonly host?: '127.0.0.1' | '::1'
  /** What all paths start with, as behind a proxy; without a slash at the end. */
  readonly prefix?: string
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Sends the answer to the handshake together with what comes first. */
  readonly together?: boolean
  /** Demanded in `Authorization: Bearer` or the `token` of the query. */
  readonly requireToken?: string
}

export interface StockRequest {
  /** Without the prefix. */
  readonly path: string
  readonly query: URLSearchParams
  /** UTF-8, as Go writes and reads them; names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly isUpgrade: boolean
}

export interface StockServer {
  /** With the prefix. */
  readonly url: string
  readonly requests: readonly StockRequest[]
  readonly connections: readonly StockConnection[]
  close(): Promise<void>
}

/** Starts a server on any port. */
export async function startStockServer(options: StockServerOptions = {}): Promise<StockServer> {
  const { host = '127.0.0.1', prefix = '', tls } = options
  const requests: StockRequest[] = []
  const connections: StockConnection[] = []
  const sockets = new Set<Socket>()

  const server = tls === undefined ? createServer() : createSecureServer(tls)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('request', (message, response) => answer(message, record(message, false), response))
  server.on('upgrade', (message, socket: Socket, head) => {
    const request = record(message, true)
    const problem = refusal(message, request, options)
    if (request.path !== '/capture' || problem !== undefined) {
      const response = new ServerResponse(message)
      response.shouldKeepAlive = false
      response.assignSocket(socket)
      response.once('finish', () => socket.end())
      return answer(message, request, response)
    }
    socket.on('error', () => {})
    if (options.together) {
      socket.cork()
      setTimeout(() => socket.uncork(), 50)
    }
    socket.write(switching(request.headers['sec-websocket-key'] ?? ''))
    if (head.length > 0) socket.unshift(head)
    const error = parameterError(request)
    const { content = [] } = options
    const stream = error === undefined ? options : { end: { close: 1006, reason: error } }
    const sent = error === undefined ? (typeof content === 'function' ? content(request) : content) : []
    connections.push(serveStream(socket, () => reset(socket), sent, stream))
  })

  /** Under TLS only the socket below can be reset. */
  function reset(socket: Socket): void {
    for (const raw of sockets) if (raw.remotePort === socket.remotePort) raw.resetAndDestroy()
  }

  function record(message: IncomingMessage, isUpgrade: boolean): StockRequest {
    const { pathname, searchParams } = new URL(message.url ?? '/', 'http://stock')
    const path = pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : ''
    const headers = Object.entries(message.headers).map(([name, value]) => [name, utf8(String(value))])
    const request = { path, query: searchParams, headers: Object.fromEntries(headers), isUpgrade }
    requests.push(request)
    return request
  }

  function answer(message: IncomingMessage, request: StockRequest, response: ServerResponse): void {
    const { status, type, text, headers } = document(message, request, options)
    response.writeHead(status, { 'Content-Type': type, ...headers }).end(text)
  }

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host === '::1' ? '[::1]' : host}:${port}${prefix}`,
    requests,
    connections,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly headers?: Record<string, string>
}

const plain = 'text/plain; charset=utf-8'

function document(message: IncomingMessage, request: StockRequest, options: StockServerOptions): Reply {
  const problem = refusal(message, request, options)
  if (problem !== undefined) return problem
  if (request.path === '/version') {
    return { status: 200, type: plain, text: '{"name":"packetflix","version":"0.9.6"}' }
  }
  if (request.path === '/discover/mobyshark' || request.path === '/mobyshark') {
    const { document: content = { metadata: {}, containers: [] } } = options
    return { status: 200, type: 'application/json', text: JSON.stringify(content) }
  }
  if (request.path === '/json' && options.topology !== undefined) {
    return { status: 200, type: 'application/json', text: JSON.stringify(options.topology) }
  }
  const page = '<!doctype html><html><head><title>Ghostwire</title></head><body><div id="root"></div></body></html>'
  return { status: 200, type: 'text/html; charset=utf-8', text: page }
}

/** What is wrong with a request before anything is done, in the order of the proxy, the token, and gorilla. */
function refusal(message: IncomingMessage, request: StockRequest, options: StockServerOptions): Reply | undefined {
  const { path, query, headers } = request
  const { requireToken: token } = options
  if (path === '') return { status: 404, type: plain, text: '404 page not found\n' }
  if (token !== undefined && headers.authorization !== `Bearer ${token}` && query.get('token') !== token) {
    return { status: 401, type: plain, text: 'Unauthorized\n', headers: { 'WWW-Authenticate': 'Bearer' } }
  }
  if (path !== '/capture') return undefined
  const isHandshake = request.isUpgrade && headers.upgrade?.toLowerCase() === 'websocket' && message.method === 'GET'
  const hasKey = Buffer.from(headers['sec-websocket-key'] ?? '', 'base64').length === 16
  if (!isHandshake || headers['sec-websocket-version'] !== '13' || !hasKey) {
    return { status: 400, type: plain, text: 'Bad Request\n', headers: { 'Sec-Websocket-Version': '13' } }
  }
  const { origin, host } = headers
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase())) {
    return { status: 403, type: plain, text: 'Forbidden\n', headers: { 'Sec-Websocket-Version': '13' } }
  }
  return undefined
}

function switching(key: string): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  return [...lines, `Sec-WebSocket-Accept: ${acceptFor(key)}`, '\r\n'].join('\r\n')
}

/** What Packetflix complains about once the connection is there. */
function parameterError({ query, headers }: StockRequest): string | undefined {
  const target = headers['clustershark-container'] ?? query.get('container')
  const netns = query.get('netns')
  if (target !== null && netns !== null) return 'container and netns query parameters are mutually exclusive'
  if (target !== null) {
    try {
      JSON.parse(target)
      return undefined
    } catch (error) {
      return `invalid container/target description: ${(error as Error).message}`
    }
  }
  if (netns === null) return 'either container or netns query parameter required'
  return /^[1-9]\d*$/.test(netns) ? undefined : `invalid netns "${netns}"`
}

function utf8(value: string): string {
  return Buffer.from(value, 'latin1').toString()
}
