/** An HTTP proxy that does nothing but CONNECT (RFC 9110, section 9.3.6), and remembers who asked for what. */
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface ConnectProxy {
  /** Without credentials. */
  readonly url: string
  /** `host:port` of what it was asked to connect to, and did or tried. */
  readonly hosts: readonly string[]
  /** The same for those turned away for want of credentials. */
  readonly refused: readonly string[]
  close(): Promise<void>
}

/** Starts a proxy; with `auth`, it demands these basic credentials. */
export async function startConnectProxy(auth?: { user: string; password: string }): Promise<ConnectProxy> {
  const hosts: string[] = []
  const refused: string[] = []
  const sockets = new Set<Socket>()
  const expected = auth && `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`
  const server = createServer((_, response) => response.writeHead(405, { Allow: 'CONNECT' }).end())
  server.on('connection', track)
  server.on('connect', ({ url = '', headers }, socket: Socket, head) => {
    if (expected !== undefined && headers['proxy-authorization'] !== expected) {
      refused.push(url)
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\n\r\n')
      return
    }
    hosts.push(url)
    const { hostname, port } = new URL(`http://${url}`)
    // CONNECT always names the port, but a URL forgets the usual one.
    const onward = connect(Number(port || 80), hostname.replace(/^\[(.*)\]$/, '$1'))
    track(onward)
    onward.once('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    onward.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    // A pipe passes on an end, but not a failure.
    socket.once('close', () => onward.destroy())
    onward.once('close', () => socket.destroySoon())
  })

  function track(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hosts,
    refused,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}
