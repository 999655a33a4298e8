/**
 * Captures that begin before it is known whose packets they are: on every network namespace that is just being mounted,
 * until the engine tells which of them was waited for. No interface exists there yet, so it is the pseudo-interface `any`,
 * with the cooked header that tells the interface of each packet (LINUX_SLL2, docs/internals/discoveries). What is captured stays in
 * memory and in the kernel's buffer; what nobody claims is let go.
 */
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { type Log, silentLog } from '../../base/log.ts'
import { setTimeout } from '../../base/timers.ts'
import { startDumpcap } from '../../linux/capturing/dumpcap.ts'
import { openArrived, openArriving } from '../../linux/namespace/arrivals.ts'
import { atPlace } from '../../linux/namespace/file-in-root.ts'
import { isStillThere, type NetworkNamespace } from '../../linux/namespace/netns.ts'
import { preferProcess } from '../../linux/process/priority.ts'
import { packetField } from '../../pcapng/lane.ts'
import { parseReference } from '../../reference/reference.ts'
import { endingOf } from '../output/termination.ts'
import { headBuffer } from '../plan/plan.ts'
import type { EarlyTap, SearchPlan } from '../plan/search.ts'

/** A capture of what came before the interfaces could be opened. */
export interface Head {
  /** Inode of its network namespace. */
  readonly netns: number
  readonly stream: Readable
  /** Whether it captures at the moment. */
  isReading(): boolean
  /** Whether its namespace is where it was mounted. */
  isThere(): boolean
  /** Packets the kernel had no room for, known when it has ended. */
  dropped(): number
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
/** Milliseconds after which one that is not claimed gives way to another. */
const overdue = 5_000
/** Milliseconds until the engine must have told whose namespace it is. */
const longest = 20_000
/** Milliseconds a namespace that has been unmounted can still be claimed: its container was short, and is being looked for. */
const lastCall = 2_000

/**
 * Captures for a search whose target is not there yet.
 * @param onArrival called when a namespace is mounted and its capture has begun
 */
export function makeHeads(search: SearchPlan, log: Log = silentLog, onArrival: () => void = () => {}): Heads {
  const ended = new AbortController()
  /** By inode: a path may be another namespace's by now, while the one that was there is still looked for. */
  const heads = new Map<number, Suspect>()
  /** Namespaces whose heads are claimed, up to their ends. */
  const claimed = new Set<number>()
  /** Paths at which a namespace is about to be mounted. */
  const arriving = new Set<{ readonly path: string }>()
  const drop = (netns: number) => {
    heads.get(netns)?.head.close()
    heads.delete(netns)
  }
  /** Makes room for one more, since the namespace that has just come is the more likely one. */
  const hasRoom = () => {
    const [eldest] = heads
    if (heads.size >= most && eldest !== undefined && performance.now() - eldest[1].since > overdue) drop(eldest[0])
    return heads.size < most
  }
  const arrive = (path: string, namespace: NetworkNamespace) => {
    const { inode, own } = namespace
    if (ended.signal.aborted || own || heads.has(inode) || claimed.has(inode) || !hasRoom()) return namespace.close()
    log.debug(`a namespace arrives: ${path}, netns ${inode}`)
    const onClose = () => claimed.delete(inode)
    heads.set(inode, {
      path,
      since: performance.now(),
      head: startHead(namespace, search.early, () => drop(inode), onClose),
    })
    onArrival()
  }
  return {
    begin(path) {
      for (const suspect of heads.values()) {
        if (suspect.path === path && !suspect.head.isThere()) suspect.head.expire(lastCall)
      }
      if (atPlace(path, () => true) !== true || !isPossible(search.references, path)) return
      const arrival = { path }
      arriving.add(arrival)
      openArriving(path, ended.signal)
        .then(namespace => namespace && arrive(path, namespace))
        .catch(error => log.warning(`${path}: ${error}`))
        .finally(() => arriving.delete(arrival))
    },
    claim(netns) {
      // Whoever looks may find it before the next try to open it.
      for (const { path } of heads.has(netns) ? [] : arriving) {
        const namespace = openArrived(path)
        if (namespace?.inode === netns) arrive(path, namespace)
        else namespace?.close()
      }
      const head = heads.get(netns)?.head
      if (head === undefined) return undefined
      heads.delete(netns)
      claimed.add(netns)
      head.keep()
      return head
    },
    release: drop,
    close() {
      ended.abort()
      for (const netns of [...heads.keys()]) drop(netns)
    },
  }
}

/** A head that is not claimed. */
interface Suspect {
  readonly path: string
  /** When it began, on the clock of `performance`. */
  readonly since: number
  readonly head: Head
}

/** Whether a reference can mean a namespace that is mounted at a path: a name of ip-netns(8) is the name of the file. */
function isPossible(references: readonly string[], path: string): boolean {
  return references.some(text => {
    const reference = parseReference(text)
    return reference.scheme !== 'named' || basename(path) === reference.name
  })
}

/** Starts dumpcap on `any` of a namespace, which is closed when that cannot be done. */
function startOnAny(
  namespace: NetworkNamespace,
  { filter, snaplen, promiscuous }: EarlyTap,
): ReturnType<typeof startDumpcap> {
  const options = {
    interfaces: [{ name: 'any', description: 'before the interfaces could be opened', linkType: 'LINUX_SLL2' }],
    filter,
    snaplen,
    promiscuous,
    bufferSize: headBuffer,
    queueSize: 0,
    comment: '',
    stopConditions: [],
    counting: false,
  }
  try {
    const dumpcap = startDumpcap(namespace, options, 'pipe')
    // A busy machine may start the target before it otherwise.
    preferProcess(dumpcap.pid)
    return dumpcap
  } catch (error) {
    namespace.close()
    throw error
  }
}

/**
 * Starts a head that owns the namespace from now on.
 * @param onTimeout called when it has not been claimed in time
 */
function startHead(namespace: NetworkNamespace, tap: EarlyTap, onTimeout: () => void, onClose: () => void): Head {
  const dumpcap = startOnAny(namespace, tap)
  let timer = setTimeout(onTimeout, longest)
  let closed = false
  let reading = false
  dumpcap.ready.then(ready => {
    reading = ready
  })
  const ending = endingOf<'drain'>(dumpcap, () => reading)
  // A filter that does not fit the cooked header ends it at once: then the capture begins with the interfaces.
  const onEnd = () => {
    reading = false
    ending.done()
  }
  dumpcap.ended.then(onEnd, onEnd)
  return {
    netns: namespace.inode,
    stream: dumpcap.stdout as Readable,
    isReading: () => reading,
    isThere: () => isStillThere(namespace),
    dropped: () => dumpcap.messages().statistics[0]?.dropped ?? 0,
    keep: () => clearTimeout(timer),
    expire(milliseconds) {
      clearTimeout(timer)
      timer = setTimeout(onTimeout, milliseconds)
    },
    finish: () => ending.drain('drain'),
    close() {
      if (closed) return
      closed = true
      clearTimeout(timer)
      namespace.close()
      dumpcap.send('SIGKILL')
      dumpcap.stdout?.destroy()
      onClose()
    },
  }
}

/**
 * Index of the interface a cooked packet was seen on: bytes 4 to 7, network order (pcap-linktype(7), LINUX_SLL2).
 * @param at words from the start, where its block begins
 */
export function cookedInterface(words: Int32Array, at: number): number {
  if ((words[at + packetField.captured] as number) < 8) return 0
  return Buffer.from(words.buffer, words.byteOffset + (at + packetField.data + 1) * 4, 4).readUInt32BE()
}
