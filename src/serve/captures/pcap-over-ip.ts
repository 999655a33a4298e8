/**
 * PCAP-over-IP: whoever connects is sent a capture as it is written to a file (`wireshark -k -i TCP@127.0.0.1:57012`, dumpcap(1)).
 * Each connection gets a capture of its own, of the one target of its port. The protocol knows no token and no TLS, so it is
 * for this host alone; and the client has nothing to say, so one that speaks is none: a browser that was led here gets nothing.
 */
import { createServer, type Socket } from 'node:net'
import { RemoraError } from '../../base/errors.ts'
import { guarded } from '../../base/timers.ts'
import { requestOf } from '../../capture/request/request.ts'
import { parseReference, shownReference } from '../../reference/reference.ts'
import { peerAddress, peerGroup, streamConnections } from '../auth/client.ts'
import { noteRefusal } from '../auth/error-answer.ts'
import { isLocal, type ListenAddress, nameOf, parseListenAddress } from '../listen/address.ts'
import { bound, listenOn } from '../listen/bind.ts'
import { socketChannel } from './channel-socket.ts'
import type { ServiceContext } from './service-state.ts'
import { carry, prepareSession } from './session-runner.ts'

/** A port, and what is captured for whoever connects to it. */
export interface ReaderAddress {
  readonly address: ListenAddress
  /** Target reference. */
  readonly target: string
}

/** A port that readers connect to. */
export interface Readers {
  /** Its port filled in. */
  readonly address: ReaderAddress
  /** Takes no more of them. */
  refuse(): void
  /** Ends those that are left. */
  close(): Promise<void>
}

/**
 * Reads `[HOST:]PORT[=REFERENCE]`: the host is 127.0.0.1 and the target this machine unless told.
 * @throws RemoraError USAGE
 */
export function parseReaderAddress(text: string): ReaderAddress {
  const [, host = '127.0.0.1', port, target = 'host'] =
    /^(?:(\[[^\]]*\]|[^:=[\]]*):)?(\d{1,5})(?:=(.*))?$/s.exec(text) ?? []
  if (port === undefined) {
    throw new RemoraError('USAGE', `"${text}" is no address for PCAP-over-IP`, {
      hint: 'Use [HOST:]PORT[=TARGET], as in 57012, 127.0.0.1:57012 or 57012=docker:web.',
    })
  }
  const address = parseListenAddress(`${host}:${port}`)
  if (!isLocal(address)) {
    throw new RemoraError(
      'USAGE',
      `PCAP-over-IP knows no token, so ${nameOf(address)} would give packets to everybody`,
      {
        hint: 'Listen on 127.0.0.1 or [::1], and let others forward a port: ssh -L 57012:127.0.0.1:57012 HOST.',
      },
    )
  }
  parseReference(target)
  return { address, target }
}

/** How an address is written. */
export function readerName({ address, target }: ReaderAddress): string {
  return `${nameOf(address)}=${shownReference(target)}`
}

/**
 * Listens for readers.
 * @throws RemoraError USAGE when that address is not to be had
 */
export async function listenForReaders(wanted: ReaderAddress, context: ServiceContext): Promise<Readers> {
  const { target } = wanted
  const sockets = new Set<Socket>()
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: 20_000 })
  const take = (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    send(socket, target, context)
  }
  server.on('connection', guarded(take))
  context.connections.watch(server)
  await listenOn(server, wanted.address)
  return {
    address: { address: bound(server, wanted.address), target },
    refuse: () => server.close(),
    async close() {
      const closed = Promise.all([...sockets].map(socket => new Promise(resolve => socket.once('close', resolve))))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Sends a capture to one reader. */
function send(socket: Socket, target: string, context: ServiceContext): void {
  socket.on('error', () => {})
  socket.once('data', () => socket.destroy())
  const client = { socket, headers: {} }
  try {
    const session = context.sessions.open(
      { ...requestOf([target]), ownStream: streamConnections(client) },
      peerAddress(client),
    )
    context.connections.admit(socket)
    socket.once('close', () => session.kill())
    carry(session, socketChannel(socket), () => prepareSession(session, context), context)
  } catch (error) {
    // There is no way to tell the client; the log does.
    if (error instanceof RemoraError) noteRefusal(context, peerGroup(client), error)
    else context.log.error({ err: error }, 'fault')
    socket.destroy()
  }
}
