/**
 * How many captures may be starting at a time, and whose turn it is. A start means processes, and the kernel making the buffers
 * of a capture in one go, tens of milliseconds where it cannot be preempted; with that on every processor the service would
 * stand still for those whose captures run. The turn goes round the clients, and round the connections of each, so that no
 * number of requests keeps another client waiting for more than the starts of one round.
 */
import { availableParallelism } from 'node:os'
import { RemoraError } from '../../base/errors.ts'
import { setTimeout } from '../../base/timers.ts'

/** Who wants to start a capture. */
export interface Starter {
  /** The client, as limits count it. */
  readonly peer: string
  /** Its connection, or whatever else stands for one. */
  readonly connection: object
  /** Ends the waiting: the client has gone, or wants no capture any more. */
  readonly signal: AbortSignal
}

/** Places for captures that are starting. */
export interface Starts {
  /**
   * Waits for a place.
   * @returns gives it back; again does nothing
   * @throws the reason of the signal; RemoraError LIMIT when too many starts of this client wait
   */
  enter(starter: Starter): Promise<() => void>
}

/** Milliseconds after which a place is free again: a start that takes longer waits for something that needs no processor. */
const longestStart = 5_000

/**
 * Places, all free.
 * @param places at a time; one processor stays free
 * @param maxWaiting starts of one client that may wait
 */
export function makeStarts(places = Math.max(1, availableParallelism() - 1), maxWaiting = 256): Starts {
  const queue = makeQueue(maxWaiting)
  let taken = 0
  return {
    async enter(starter) {
      starter.signal.throwIfAborted()
      if (taken < places) taken++
      else await queue.wait(starter)
      const leave = once(() => {
        clearTimeout(timer)
        if (!queue.next()) taken--
      })
      const timer = setTimeout(leave, longestStart).unref()
      return leave
    },
  }
}

interface Queue {
  wait(starter: Starter): Promise<void>
  /** Lets the next one begin; false when nobody waits. */
  next(): boolean
}

/** Those who wait, by client and connection; the order of the maps is the order of the turns. */
function makeQueue(maxWaiting: number): Queue {
  const peers = new Map<string, Map<object, (() => void)[]>>()
  return {
    wait({ peer, connection, signal }) {
      const ofPeer = peers.get(peer) ?? new Map<object, (() => void)[]>()
      if ([...ofPeer.values()].reduce((sum, { length }) => sum + length, 0) >= maxWaiting) {
        return Promise.reject(
          new RemoraError('LIMIT', `${maxWaiting} captures of this client wait to be started`, {
            hint: 'Ask again when some of them run.',
          }),
        )
      }
      const waiting = ofPeer.get(connection) ?? []
      peers.set(peer, ofPeer.set(connection, waiting))
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const abort = () => {
        waiting.splice(waiting.indexOf(begin), 1)
        if (waiting.length === 0) ofPeer.delete(connection)
        if (ofPeer.size === 0) peers.delete(peer)
        reject(signal.reason)
      }
      const begin = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      signal.addEventListener('abort', abort, { once: true })
      waiting.push(begin)
      return promise
    },
    next() {
      const [peer, ofPeer] = first(peers)
      if (peer === undefined || ofPeer === undefined) return false
      const [connection, waiting = []] = first(ofPeer)
      const begin = waiting.shift()
      peers.delete(peer)
      if (connection !== undefined) ofPeer.delete(connection)
      if (connection !== undefined && waiting.length > 0) ofPeer.set(connection, waiting)
      if (ofPeer.size > 0) peers.set(peer, ofPeer)
      begin?.()
      return begin !== undefined
    },
  }
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] | readonly [] {
  return map.entries().next().value ?? []
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}
