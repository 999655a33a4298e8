/**
 * Interfaces that come up while a direct capture of every interface runs. dumpcap cannot take up another one, so they are told
 * of: at once, and in the report. A look costs one read of /proc/PID/net/dev; the interfaces are listed when one has come, or
 * when packets pass on one that was down.
 */
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'
import { type NetworkCounters, readDeviceCounters } from '../../linux/network/net-dev.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { SourcePlan } from '../plan/plan.ts'

/** A watch over the interfaces of one target. */
export interface UncapturedWatch {
  /** Looks once; called twice a second. */
  look(): void
  /** Names of those that have come up by now; undefined for none. */
  names(): readonly string[] | undefined
}

/** Interfaces that are told of: a container may make as many as it likes. */
const maxTold = 20

/** What a watch over nothing tells. */
const nothing: UncapturedWatch = { look: () => {}, names: () => undefined }

/**
 * Watches for interfaces that a capture does not have.
 * @param interfaces as they were when it was planned
 * @param pid number of a process in the namespace
 * @param onLine told of them in a line for people
 */
export function watchUncaptured(
  { name, everyInterface }: Pick<SourcePlan, 'name' | 'everyInterface'>,
  namespace: NetworkNamespace,
  interfaces: readonly NetworkInterface[],
  pid: number,
  onLine: (line: string) => void,
): UncapturedWatch {
  if (!everyInterface) return nothing
  const known = new Set(interfaces.filter(({ up }) => up).map(({ index }) => index))
  const told: string[] = []
  const movement = watchMovement(interfaces.map(nif => nif.name))
  movement.expect(namesOf(interfaces, known))
  let looking = false
  const list = async () => {
    looking = true
    try {
      const now = await listInterfaces(namespace)
      const come = now.filter(({ up, index }) => up && !known.has(index)).slice(0, maxTold - told.length)
      for (const { index } of come) known.add(index)
      movement.expect(namesOf(now, known))
      if (come.length === 0) return
      told.push(...come.map(nif => nif.name))
      onLine(lineOf(name, come))
    } catch {
      // The target is going, or nothing can be started just now: what passes shows again.
    } finally {
      looking = false
    }
  }
  return {
    look() {
      if (looking || told.length >= maxTold) return
      const counters = readDeviceCounters(pid)
      if (counters !== undefined && movement.isNews(counters)) void list()
    },
    names: () => (told.length === 0 ? undefined : [...told]),
  }
}

function namesOf(interfaces: readonly NetworkInterface[], indexes: ReadonlySet<number>): string[] {
  return interfaces.filter(({ index }) => indexes.has(index)).map(({ name }) => name)
}

function lineOf(target: string, come: readonly NetworkInterface[]): string {
  const names = come.map(({ name }) => name).join(', ')
  const [are, them] = come.length === 1 ? ['is', 'it'] : ['are', 'them']
  return `${names} of ${target} ${are} up now, and not captured: with --follow a capture takes ${them} up`
}

/** What the counters of interfaces tell that are not expected to have any. */
export interface Movement {
  /** Interfaces of which nothing is news from now on. */
  expect(names: readonly string[]): void
  /** Whether an interface has come, or packets have passed on one that is not expected, since the last call. */
  isNews(counters: NetworkCounters): boolean
}

/** Makes one, from the names that are there already. */
export function watchMovement(names: readonly string[]): Movement {
  let packets = new Map<string, number | undefined>(names.map(name => [name, undefined]))
  let expected = new Set<string>()
  return {
    expect(names) {
      expected = new Set(names)
    },
    isNews(counters) {
      const now = new Map([...counters].map(([name, { rxPackets, txPackets }]) => [name, rxPackets + txPackets]))
      const hasMoved = (name: string, count: number) => (packets.get(name) ?? count) !== count
      const isNews = [...now].some(
        ([name, count]) => !expected.has(name) && (!packets.has(name) || hasMoved(name, count)),
      )
      packets = now
      return isNews
    },
  }
}
