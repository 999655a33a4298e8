/**
 * The list of capture targets as Ghostwire's `GET /mobyshark` answers it (api/v1/targets.go): seven keys each, always all
 * of them. A pod in an engine that runs in a container keeps the prefix of that one, so that pods of two clusters with
 * one name stay apart.
 */
import type { HostFacts } from '../model/host.ts'
import type { Target } from '../model/target.ts'
import { mountName } from '../reference/grammar/mounts.ts'
import { ghostwireType } from './engine-types.ts'
import { metadataJson } from './metadata.ts'

/**
 * The document.
 * @param commandOf name of the command a process runs
 */
export function mobysharkDocument(targets: readonly Target[], host: HostFacts, commandOf: (pid: number) => string) {
  return {
    metadata: metadataJson(host),
    containers: targets.map(target => ({
      name: target.type === 'bindmount' ? mountName(target.name) : tenantName(target, commandOf),
      type: ghostwireType(target.type),
      netns: target.netns,
      'network-interfaces': target.interfaces,
      pid: target.pid,
      starttime: target.startTime,
      prefix: target.prefix,
    })),
  }
}

/** The name of a target; the host goes by the process that speaks for it. */
export function tenantName({ type, name, pid }: Target, commandOf: (pid: number) => string): string {
  return type === 'host' ? `${commandOf(pid)}(${pid})` : name
}
