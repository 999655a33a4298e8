/** Connections to the sockets of engines. */
import { connect, Socket } from 'node:net'
import { atPlace } from '../linux/namespace/file-in-root.ts'

/** Connects to a socket; its path is walked once, so that nothing on it can lead elsewhere, or wait, in between. */
export function connectTo(socketPath: string): Socket {
  const socket = atPlace(socketPath, place => connect(place))
  if (socket !== undefined) return socket
  const none = new Socket()
  process.nextTick(() => none.destroy(noSocket(socketPath)))
  return none
}

/** The failure of a connection to where there is no socket (any more). */
export function noSocket(socketPath: string): Error {
  return Object.assign(new Error(`there is no socket at ${socketPath}`), { code: 'ENOENT' })
}
