/**
 * What the driver or the kernel does to packets before a capture sees them, or after (ethtool(8), `--show-features`): with
 * segmentation offload a capture has packets that are longer than the wire's, with checksum offload checksums that are wrong.
 */
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { lookUpTool } from '../programs/tools.ts'

/** Each interface costs a process. */
const mostInterfaces = 16

/** Offloads switched on, by the name of their interface; without ethtool nothing, and nothing for what it cannot tell of. */
export async function readOffloads(
  namespace: NetworkNamespace,
  interfaces: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string[]>> {
  const ethtool = lookUpTool('ethtool')
  if (ethtool === undefined) return new Map()
  const answers = await Promise.all(
    interfaces.slice(0, mostInterfaces).map(async name => {
      const { status, stdout } = await runInNamespace(namespace, [ethtool, '--show-features', name], { signal }).catch(
        () => ({ status: 1, stdout: '' }),
      )
      return status === 0 ? [[name, parseFeatures(stdout)] as const] : []
    }),
  )
  return new Map(answers.flat())
}

/** Features that are on, as groups: what a group consists of is indented below it. */
export function parseFeatures(output: string): string[] {
  return output.split('\n').flatMap(line => /^([a-z][\w-]*): on\b/.exec(line)?.[1] ?? [])
}
