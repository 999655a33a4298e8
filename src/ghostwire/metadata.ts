/** The `metadata` of both documents: who made it, when, and on which host. */
import type { HostFacts } from '../model/host.ts'
import { engineType } from './engine-types.ts'
import { compareText } from './order.ts'

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
