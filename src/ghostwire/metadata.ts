/** The `metadata` of both documents: who made it, when, and on which host. */
import type { ContainerEngine } from '../target/model.ts'
import { engineType } from './engine-types.ts'
import { compareText } from './order.ts'

/** What is known of the host; whatever could not be read is empty. */
export interface HostFacts {
  /** Version of remora. */
  readonly version: string
  /** When the host was looked at. */
  readonly created: Date
  readonly hostname: string
  readonly osName: string
  readonly osVersion: string
  /** The whole text of /proc/version. */
  readonly kernel: string
  /** Ranges of CPUs that are online, both ends included. */
  readonly cpus: readonly CpuRange[]
  readonly engines: readonly EngineFacts[]
}

/** Numbers of CPUs, both ends included. */
export type CpuRange = readonly [from: number, to: number]

/** An engine of the host. */
export interface EngineFacts {
  readonly engine: ContainerEngine | 'traces'
  readonly id: string
  readonly version: string
  /** Its process; 0 when unknown. */
  readonly pid: number
  /** Path of its socket. */
  readonly socket: string
}

/** The `metadata` object. */
export function metadataJson(host: HostFacts) {
  return {
    creator: 'remora',
    'creator-id': 'gostwire',
    'creator-version': host.version,
    'creation-timestamp': host.created.toISOString().replace(/\.\d+Z$/, 'Z'),
    hostname: host.hostname,
    'osrel-name': host.osName,
    'osrel-version': host.osVersion,
    'kernel-version': host.kernel,
    cpus: host.cpus,
    'container-engines': host.engines
      .map(({ engine, id, version, pid }) => ({ id, type: engineType(engine), version, pid }))
      .sort((a, b) => a.pid - b.pid || compareText(a.type, b.type) || compareText(a.id, b.id)),
  }
}
