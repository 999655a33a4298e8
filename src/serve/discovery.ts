/** What is on the host, for many clients at once: requests that come together share one look, and all who watch one watch. */
import { sharing } from '../base/share.ts'
import { discover } from '../discover/discover.ts'
import { mobyshark } from '../discover/mobyshark.ts'
import { ghostwire } from '../discover/topology.ts'
import type { Metrics } from './metrics.ts'
import { makeSharedWatch } from './shared-watch.ts'

/** Looks at the host, each shared by those who ask at the same time, and timed for the metrics. */
export function makeDiscovery(metrics: Metrics) {
  const options = { signal: new AbortController().signal }
  const timed =
    <T>(action: () => Promise<T>) =>
    async () => {
      const begin = performance.now()
      const result = await action()
      metrics.discovery = { seconds: (performance.now() - begin) / 1000, count: metrics.discovery.count + 1 }
      return result
    }
  return {
    /** With interfaces and addresses. */
    targets: sharing(timed(() => discover({ ...options, interfaces: true }))),
    /** Without, which is faster. */
    names: sharing(timed(() => discover({ ...options, interfaces: false }))),
    mobyshark: sharing(timed(() => mobyshark(options))),
    ghostwire: sharing(timed(() => ghostwire(options))),
    watch: makeSharedWatch(),
  }
}

/** The looks of one service. */
export type SharedDiscovery = ReturnType<typeof makeDiscovery>
