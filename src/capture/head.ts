/**
 * Captures that begin before it is known whose packets they are: on every network namespace that is just being mounted,
 * until the engine tells which of them was waited for. No interface exists there yet, so it is the pseudo-interface `any`,
 * with the cooked header that tells the interface of each packet (LINUX_SLL2, docs/discoveries). What is captured stays in
 * memory and in the kernel's buffer; what nobody claims is let go.
 */
import type { Readable } from 'node:stream'
import { type Log, silentLog } from '../base/log.ts'
import { setTimeout } from '../base/timers.ts'
import { type DumpcapProcess, startDumpcap } from '../linux/capturing/dumpcap.ts'
import { openArriving } from '../linux/namespace/arrivals.ts'
import { atPlace } from '../linux/namespace/file-in-root.ts'
import type { NetworkNamespace } from '../linux/namespace/netns.ts'
import { packetField } from '../pcapng/lane.ts'
import { drainTime, headBuffer } from './plan.ts'
import type { CaptureRequest } from './request.ts'

/** A capture of what came before the interfaces could be opened. */
export interface Head {
  /** Inode of its network namespace. */
  readonly netns: number
  readonly stream: Readable
  /** It is claimed: it does not expire any more. */
  keep(): void
  /** Lets go of it after so many milliseconds, unless it is claimed. */
  expire(milliseconds: number): void
  /** Ends the capture when what is on its way has been written. */
  finish(): void
  /** Ends it at once; called in any case, since it releases what is held. Again does nothing. */
  close(): void
}

/** Captures on suspicion, each of one namespace, until they are claimed or let go. */
export interface Heads {
  /** Begins a capture on what is mounted at a path, if a network namespace is; ends it when it has gone. */
  begin(path: string): void
  /** Hands over the capture of a namespace; it is the caller's from now on. */
  claim(netns: number): Head | undefined
  /** Lets go of the namespace of somebody else. */
  release(netns: number): void
  /** Lets go of all that are not claimed. */
  close(): void
}

/** As many containers may be starting at once; more are caught only when they are known. */
const most = 8
/** Milliseconds until the engine must have told whose namespace it is. */
const longest = 20_000
/** Milliseconds a namespace that has been unmounted can still be claimed: its container was short, and is being looked for. */
const lastCall = 2_000

/**
 * Captures for a request whose target is not there yet.
 * @param onArrival called when a namespace is mounted and its capture has begun
 */
export function makeHeads(request: CaptureRequest, log: Log = silentLog, onArrival: () => void = () => {}): Heads {
  const ended = new AbortController()
  const heads = new Map<string, Head>()
  const drop = (path: string) => {
    heads.get(path)?.close()
    heads.delete(path)
  }
  const pathOf = (netns: number) => [...heads].find(([, head]) => head.netns === netns)?.[0] ?? ''
  return {
    begin(path) {
      const known = heads.get(path)
      if (known !== undefined && atPlace(path, () => true) !== true) return known.expire(lastCall)
      if (heads.size >= most || known !== undefined) return
      openArriving(path, ended.signal)
        .then(namespace => {
          if (namespace === undefined) return
          const doubled = [...heads.values()].some(({ netns }) => netns === namespace.inode)
          if (ended.signal.aborted || namespace.own || doubled || heads.size >= most) return namespace.close()
          log.debug(`a namespace arrives: ${path}, netns ${namespace.inode}`)
          // Another of that name has come while this one was waited for, and has gone since.
          drop(path)
          heads.set(
            path,
            beginHead(namespace, request, () => drop(path)),
          )
          onArrival()
        })
        .catch(error => log.warning(`${path}: ${error}`))
    },
    claim(netns) {
      const path = pathOf(netns)
      const head = heads.get(path)
      heads.delete(path)
      head?.keep()
      return head
    },
    release: netns => drop(pathOf(netns)),
    close() {
      ended.abort()
      for (const path of [...heads.keys()]) drop(path)
    },
  }
}

/** Starts a head that owns the namespace from now on. */
function beginHead(namespace: NetworkNamespace, request: CaptureRequest, onTimeout: () => void): Head {
  try {
    return startHead(namespace, request, onTimeout)
  } catch (error) {
    namespace.close()
    throw error
  }
}

/** @param onTimeout called when it has not been claimed in time */
function startHead(namespace: NetworkNamespace, request: CaptureRequest, onTimeout: () => void): Head {
  const { filter, snaplen, promiscuous } = request
  const dumpcap = startDumpcap(
    namespace,
    {
      interfaces: [{ name: 'any', description: 'before the interfaces could be opened', linkType: 'LINUX_SLL2' }],
      filter,
      snaplen,
      promiscuous,
      bufferSize: headBuffer,
      queueSize: 0,
      comment: '',
      stopConditions: [],
      counting: false,
    },
    'pipe',
  )
  let timer = setTimeout(onTimeout, longest)
  let closed = false
  // A filter that does not fit the cooked header ends it at once: then the capture begins with the interfaces.
  dumpcap.ended.catch(() => {})
  return {
    netns: namespace.inode,
    stream: dumpcap.stdout as Readable,
    keep: () => clearTimeout(timer),
    expire(milliseconds) {
      clearTimeout(timer)
      timer = setTimeout(onTimeout, milliseconds)
    },
    finish: () => void setTimeout(() => finish(dumpcap), drainTime),
    close() {
      if (closed) return
      closed = true
      clearTimeout(timer)
      namespace.close()
      dumpcap.send('SIGKILL')
      dumpcap.stdout?.destroy()
    },
  }
}

/** Milliseconds dumpcap has for its statistics. */
const patience = 1_000

function finish(dumpcap: DumpcapProcess): void {
  dumpcap.send('SIGINT')
  const timer = setTimeout(() => dumpcap.send('SIGKILL'), patience)
  dumpcap.ended.finally(() => clearTimeout(timer)).catch(() => {})
}

/**
 * Index of the interface a cooked packet was seen on: bytes 4 to 7, network order (pcap-linktype(7), LINUX_SLL2).
 * @param at words from the start, where its block begins
 */
export function cookedInterface(words: Int32Array, at: number): number {
  if ((words[at + packetField.captured] as number) < 8) return 0
  return Buffer.from(words.buffer, words.byteOffset + (at + packetField.data + 1) * 4, 4).readUInt32BE()
}
