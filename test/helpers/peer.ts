/** Peers behind a unix socket that say what a test wants said, of whatever protocol. */
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

const servers: Server[] = []
const sockets: Socket[] = []

/** A socket whose connections are answered once they have said something. */
export async function peer(answer: (socket: Socket) => void): Promise<string> {
  const path = join(scratch(), 'engine.sock')
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(path, resolve))
  return path
}

/** Connections that the other side has not closed yet. */
export function openConnections(): number {
  return sockets.filter(socket => !socket.closed && !socket.readableEnded).length
}

/** Ends them all, for the end of a test. */
export function endPeers(): void {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
}
