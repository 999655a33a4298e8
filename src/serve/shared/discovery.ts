/**
 * What is on the host, for many clients at once: requests that come together share one look, all who watch share one watch, and
 * what is known already is told as long as it holds.
 */
import { singleflight } from '../../base/singleflight.ts'
import { type KnownTargets, makeKnownHost } from '../../discover/list/known-host.ts'
import { mobysharkOf } from '../../discover/list/mobyshark.ts'
import { ghostwireOf, readTopology, type Topology } from '../../discover/list/topology.ts'
import type { Metrics } from './metrics.ts'
import { makeSharedWatch } from './shared-watch.ts'

/**
 * Milliseconds a topology is told again while the targets are the same, since rules and bridges change without a sign: so many
 * times as long as it took to read, which is seconds where there are a thousand namespaces.
 */
const topologyAge = { least: 5_000, most: 60_000, times: 10 } as const

/** Looks at the host, each shared by those who ask at the same time, and timed for the metrics. */
export function makeDiscovery(metrics: Metrics) {
  const { signal } = new AbortController()
  const host = makeKnownHost(signal)
  const timed =
    <T>(action: () => Promise<T>) =>
    async () => {
      const begin = performance.now()
      const result = await action()
      metrics.discovery = { seconds: (performance.now() - begin) / 1000, count: metrics.discovery.count + 1 }
      return result
    }
  const targets = singleflight(timed(() => host.look(true)))
  const names = singleflight(timed(() => host.look(false)))
  let known: { readonly revision: string; readonly until: number; readonly topology: Topology } | undefined
  const topologyOf = async (look: KnownTargets): Promise<Topology> => {
    const { revision } = look
    const began = performance.now()
    if (known?.revision === revision && began < known.until) return known.topology
    const topology = await readTopology(look, look.table, { signal })
    const read = performance.now()
    const { least, most, times } = topologyAge
    known = { revision, until: read + Math.min(most, Math.max(least, times * (read - began))), topology }
    return topology
  }
  return {
    /** With interfaces and addresses. */
    targets,
    /** Without, which is faster. */
    names,
    async mobyshark() {
      const look = await targets()
      return mobysharkOf(look, look.table, await look.facts())
    },
    ghostwire: singleflight(async () => {
      // A topology has the interfaces itself. They are listed for the comparison with the next look, after the first answer.
      const isFirst = known === undefined
      const look = await (isFirst ? names() : targets())
      const [facts, topology] = await Promise.all([look.facts(), topologyOf(look)])
      const answer = await ghostwireOf(topology, look.table, facts, signal)
      if (isFirst) targets().catch(() => {})
      return answer
    }),
    watch: makeSharedWatch(),
  }
}

/** The looks of one service. */
export type SharedDiscovery = ReturnType<typeof makeDiscovery>
