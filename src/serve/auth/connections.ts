/**
 * The connections of the service. Each takes a descriptor, so their number follows the limit of descriptors (RLIMIT_NOFILE,
 * getrlimit(2)), and captures have the rest. A connection counts as a stranger's until a request on it was let in. Strangers
 * have half of the places: for the next one the eldest of them is ended, of the client that has the most, so that whoever
 * connects and asks at once is served. Node ends those that say nothing after ten seconds (headersTimeout).
 */

import { readFileSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { guarded } from '../../base/timers.ts'
import { addressGroup } from './client.ts'
import type { Refusals } from './refusals.ts'

/** The connections of all listeners. */
export interface Connections {
  /** Counts what connects to a server from now on. */
  watch(server: Server): void
  /** A request on this connection was let in. */
  admit(socket: Socket): void
}

/** Connections at a time, where descriptors are plenty. */
const maxConnections = 2_000
/** Of the descriptors of a process, the part that connections may take: a capture needs several. */
const descriptorShare = 1 / 4

/** How many connections there may be: by the soft limit of descriptors, which node raises to the hard one as it starts. */
export function connectionLimit(limits = readLimits()): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
  return soft === undefined ? maxConnections : Math.min(maxConnections, Math.floor(Number(soft) * descriptorShare))
}

/** Where /proc is missing nothing is known, and nothing is captured either. */
function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1')
  } catch {
    return ''
  }
}

/** No connections yet. */
export function makeConnections(refusals: Refusals, limit = connectionLimit()): Connections {
  const maxStrangers = Math.max(1, Math.floor(limit / 2))
  let count = 0
  // Eldest first.
  const strangers = new Map<object | string, { readonly socket: Socket; readonly group: string }>()
  return {
    watch(server) {
      server.on(
        'connection',
        guarded((socket: Socket) => {
          const group = addressGroup(socket.remoteAddress)
          count++
          const key = keyOf(socket)
          strangers.set(key, { socket, group })
          socket.once(
            'close',
            guarded(() => {
              count--
              if (strangers.get(key)?.socket === socket) strangers.delete(key)
            }),
          )
          if (strangers.size <= maxStrangers && count <= limit) return
          const [eldest, victim] = eldestOfGreatest(strangers)
          if (victim === undefined) return
          strangers.delete(eldest)
          refusals.note(victim.group, 'too many connections on which nobody was let in')
          victim.socket.destroy()
        }),
      )
    },
    admit: socket => void strangers.delete(keyOf(socket)),
  }
}

/** By its ends, since over TLS a request tells of another object than the listener does; a unix socket has none. */
function keyOf(socket: Socket): object | string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  return remoteAddress === undefined ? socket : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/** The eldest connection of the client that has the most. */
function eldestOfGreatest<K, V extends { readonly group: string }>(
  all: ReadonlyMap<K, V>,
): [K, V] | [undefined, undefined] {
  const counts = new Map<string, number>()
  for (const { group } of all.values()) counts.set(group, (counts.get(group) ?? 0) + 1)
  const [greatest] = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0])
  for (const [key, value] of all) if (value.group === greatest) return [key, value]
  return [undefined, undefined]
}
