/** A peer behind a unix socket whose behaviour is another one for each case. */
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { scratch } from '../helpers/scratch.ts'

export interface FuzzPeer {
  /** Its socket, once it listens. */
  listening(): Promise<string>
  /** What the next connections meet, when they have said something. */
  answer: (socket: Socket, said: Buffer) => void
  /** Hangs up on whoever is still connected. */
  hangUp(): void
  close(): void
}

/** A peer that begins to listen when it is first asked for. */
export function fuzzPeer(): FuzzPeer {
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let path: Promise<string> | undefined
  const listen = async () => {
    const place = join(scratch(), 'peer.sock')
    server = createServer(socket => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
      socket.once('data', said => peer.answer(socket, said))
    })
    await new Promise<void>(resolve => server?.listen(place, resolve))
    return place
  }
  const peer: FuzzPeer = {
    listening() {
      path ??= listen()
      return path
    },
    answer: () => {},
    hangUp() {
      for (const socket of sockets) socket.destroy()
    },
    close() {
      peer.hangUp()
      server?.close()
      path = undefined
    },
  }
  return peer
}
