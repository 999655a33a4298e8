/** A capture over a bare connection, as PCAP-over-IP has it: its bytes and nothing else. A failure is a connection that ends. */
import type { Socket } from 'node:net'
import { setTimeout } from '../../base/timers.ts'
import { type Channel, pump } from './channel.ts'

/** Milliseconds a client has to take the end. */
const closeTime = 2_000

/** The channel of a connection. */
export function socketChannel(socket: Socket): Channel {
  const gone = new AbortController()
  if (socket.destroyed) gone.abort()
  else socket.once('close', () => gone.abort())
  return {
    take: (source, onSent) =>
      pump(
        source,
        ({ buffer, start, end }, done) => socket.write(buffer.subarray(start, end), done),
        onSent,
        gone.signal,
      ),
    note() {},
    async end() {
      if (gone.signal.aborted) return
      const limit = setTimeout(() => socket.destroy(), closeTime)
      await new Promise<void>(resolve => socket.once('close', () => resolve()).end())
      clearTimeout(limit)
    },
    async fail() {
      socket.destroy()
    },
  }
}
