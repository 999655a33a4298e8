/**
 * TLS keys as they are written: of the processes in some network namespaces, and of files named by the user. Looked for
 * and read by polling, since inotify(7) tells nothing of a file that is not there yet in a root that may change. The keys
 * go to one callback and nowhere else: never into a message, a log or an error.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { setTimeout } from '../../base/timers.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { openKeylogFiles } from './files.ts'
import { findKeylogs, type KeylogPlace } from './place.ts'
import { type FoundKeylog, fileSource, processSource } from './source.ts'

/** What is followed, and where the keys go. */
export interface KeylogOptions {
  /** Files of this host named by whoever started the capture; never by somebody far away. */
  readonly files?: readonly string[]
  /** Namespaces whose processes are asked for their keys; called anew for every pass. */
  readonly namespaces?: () => readonly Pick<NetworkNamespace, 'inode'>[]
  /** Ends it. */
  readonly signal: AbortSignal
  /** Whole lines of a key log (RFC 9850), each once; the buffer is the callee's. */
  readonly onKeys: (lines: Buffer) => void
  /** A file is read from now on. Its path was chosen by whoever is captured: not fit to be printed as it is. */
  readonly onFound?: (file: FoundKeylog) => void
  /** Milliseconds between reads of known files; 50 unless said otherwise. */
  readonly interval?: number
  /** Milliseconds from one look at all processes to the next: what is late by this still overtakes packets held for 300. */
  readonly lookInterval?: number
  /** Where proc(5) is mounted. */
  readonly proc?: string
}

/** A running look-out for keys. */
export interface KeylogFollower {
  /** Resolves when what was there at the start has been handed on, after a second at most. */
  readonly ready: Promise<void>
  /** Reads what has been written up to now, without waiting for the next turn. */
  readNow(): void
  /** Files being read, and bytes passed over since they came too fast. */
  counts(): { readonly files: number; readonly skippedBytes: number }
}

/** What a turn may take: milliseconds for the look at processes, names that are followed, bytes read. */
const turnLimits = { searchMs: 2, names: 8, bytes: 256 * 1024 }
const startLimits = { searchMs: 50, names: Number.POSITIVE_INFINITY, bytes: 768 * 1024 }
const startTimeoutMs = 1_000

/** Names that are followed: in all, and of one namespace. */
const maximumSources = 256
const sourcesByNamespace = 16

/**
 * Follows keys until aborted.
 * @throws RemoraError USAGE or FORBIDDEN for a named file that is there and can never be read; one that is not there yet
 *   is waited for
 */
export function followKeylogs(options: KeylogOptions): KeylogFollower {
  const { signal, onKeys, onFound, interval = 50, lookInterval = 200, proc = '/proc', namespaces = () => [] } = options
  const files = openKeylogFiles()
  const sources = new Map((options.files ?? []).map(path => [path, fileSource(path)]))

  const note = (place: KeylogPlace) => {
    const known = sources.get(place.id)
    if (known !== undefined) return known.add(place)
    const siblings = [...sources.values()].filter(({ netns }) => netns === place.netns)
    if (sources.size >= maximumSources || siblings.length >= sourcesByNamespace) return
    sources.set(place.id, processSource(place, search.isWanted, proc))
  }
  const search = makeSearch({ namespaces, lookInterval, proc, onPlace: note })
  const followNames = (count: number) => {
    for (const source of [...sources.values()].slice(0, count)) {
      if (signal.aborted) return
      // The one that was followed comes last next time.
      sources.delete(source.id)
      const isNew = source.look(file => files.see(source.id, file))
      if (source.isAlive()) sources.set(source.id, source)
      else files.forget(source.id)
      if (isNew) onFound?.(source.found)
    }
  }
  const read = (limit: number) => {
    if (signal.aborted) return 0
    const { keys, bytes } = files.read(limit)
    if (keys.length > 0) onKeys(keys)
    return bytes
  }
  const takeTurn = ({ searchMs, names, bytes }: typeof turnLimits) => {
    search.step(searchMs)
    followNames(names)
    return read(bytes)
  }

  let timer: NodeJS.Timeout | undefined
  const goOn = () => {
    if (signal.aborted) return
    timer = setTimeout(() => {
      takeTurn(turnLimits)
      goOn()
    }, interval)
  }
  const start = async () => {
    const end = performance.now() + startTimeoutMs
    for (let bytes = 1; !signal.aborted && performance.now() < end && (bytes > 0 || search.isInside()); await turn())
      bytes = takeTurn(startLimits)
    goOn()
  }
  const stop = () => {
    clearTimeout(timer)
    files.close()
  }
  signal.addEventListener('abort', stop, { once: true })
  return { ready: start(), readNow: () => void read(startLimits.bytes), counts: () => files.counts() }
}

/** A search for keys among all processes, in passes that are made step by step. */
interface KeylogSearch {
  /** Goes on for so many milliseconds, once it is time for a pass. */
  step(durationMs: number): void
  /** Whether a pass has begun and not ended. */
  isInside(): boolean
  /** Whether the processes of a network namespace are looked at. */
  isWanted(netns: number): boolean
}

function makeSearch({
  namespaces,
  lookInterval,
  proc,
  onPlace,
}: Required<Pick<KeylogOptions, 'namespaces' | 'lookInterval' | 'proc'>> & {
  readonly onPlace: (place: KeylogPlace) => void
}): KeylogSearch {
  let wanted: ReadonlySet<number> = new Set()
  let pass: ReturnType<typeof findKeylogs> | undefined
  let nextPass = 0
  const isWanted = (netns: number) => wanted.has(netns)
  const begin = (now: number) => {
    if (now < nextPass) return undefined
    nextPass = now + lookInterval
    wanted = new Set(namespaces().map(({ inode }) => inode))
    return wanted.size === 0 ? undefined : findKeylogs(isWanted, proc)
  }
  return {
    step(durationMs) {
      const now = performance.now()
      pass ??= begin(now)
      while (pass !== undefined) {
        const { done, value } = pass.next()
        if (value) onPlace(value)
        if (done) pass = undefined
        if (performance.now() - now >= durationMs) return
      }
    },
    isInside: () => pass !== undefined,
    isWanted,
  }
}
