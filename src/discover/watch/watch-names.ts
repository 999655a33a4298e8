/**
 * Names that become known while a capture runs: of containers that start, and of hosts that a target's hosts file names
 * since (Docker writes it anew when a network is connected). Whatever tells of a change is only a reason to look again.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { isAbort } from '../../base/abort.ts'
import { makeLatch } from '../../base/latch.ts'
import { guarded, setInterval } from '../../base/timers.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import { followHost } from '../host/changes.ts'
import { gatherNames, type HostName, type NamesOptions, targetNames, withoutContested } from '../resolve/names.ts'

/** What a watch takes, and who is told. */
export interface NameWatchOptions extends NamesOptions {
  /** Names that were told before the watch began. */
  readonly known?: readonly HostName[]
  /** The targets captured at the moment; looked at without their descriptors. */
  readonly targets?: () => readonly { readonly namespace: NetworkNamespace }[]
  /**
   * Called with every name, the best first, of each address that has one it had not when it was last told of: a reader
   * shows one name of an address, and it shall not be a lesser one.
   */
  readonly onChange: (names: HostName[]) => void
}

/** A running watch over names. */
export interface NameWatch {
  /** Takes note of names that somebody else has told. */
  told(names: readonly HostName[]): void
  /** Looks again, soon. */
  look(): void
}

/** Milliseconds between looks at least, and between looks into the hosts files. */
const intervals = { least: 1_000, files: 5_000 } as const
/** Milliseconds in which several events of one cause come. */
const settling = 50
/** Addresses whose names are remembered; the eldest are forgotten, and told again at worst. */
const mostAddresses = 10_000

/** Tells of names that are new until the signal aborts. */
export function watchNames({ known = [], targets = () => [], onChange, ...options }: NameWatchOptions): NameWatch {
  const { signal } = options
  const memory = nameMemory(known)
  const changes = makeLatch()
  let changed = false
  const look = () => {
    changed = true
    changes.raise()
  }
  followHost({ ...options, onChange: look })
  const timer = setInterval(() => changes.raise(), intervals.files)
  signal.addEventListener(
    'abort',
    () => {
      clearInterval(timer)
      changes.raise()
    },
    { once: true },
  )
  let gathered: readonly HostName[] = []
  const gather = async () => {
    if (changed) {
      await sleep(settling, undefined, { signal })
      changed = false
      gathered = await gatherNames(options).catch(() => gathered)
    }
    const found = memory.take([...gathered, ...withoutContested(await namesOf(targets()), gathered)])
    if (found.length > 0 && !signal.aborted) onChange(found)
  }
  const run = async () => {
    // The first look is for what has happened since the known names were gathered.
    for (changed = true; !signal.aborted; await changes.next()) {
      // Names that cannot be had now may be had with the next look.
      await gather().catch(unlessAborted)
      await sleep(intervals.least, undefined, { signal })
    }
  }
  const unlessAborted = guarded((error: unknown) => {
    if (!isAbort(error, signal)) throw error
  })
  run().catch(unlessAborted)
  return { look, told: names => void memory.take(names) }
}

/** Half a millisecond for each, in which no packet passes: so not all of them at once. */
async function namesOf(targets: readonly { readonly namespace: NetworkNamespace }[]): Promise<HostName[]> {
  const found: HostName[] = []
  for (const target of targets) {
    found.push(...targetNames(target))
    await setImmediate()
  }
  return found
}

/** What each address was last said to be called. */
export function nameMemory(known: readonly HostName[]) {
  const told = new Map<string, ReadonlySet<string>>()
  const take = (names: readonly HostName[]): HostName[] => {
    const now = Map.groupBy(names, ({ address }) => address)
    return [...now].flatMap(([address, entries]) => {
      const before = told.get(address)
      if (entries.every(({ name }) => before?.has(name))) return []
      told.delete(address)
      told.set(address, new Set(entries.map(({ name }) => name)))
      const [eldest] = told.keys()
      if (told.size > mostAddresses && eldest !== undefined) told.delete(eldest)
      return entries
    })
  }
  take(known)
  return { take }
}
