/**
 * Network interfaces of a namespace, from the JSON output of ip(8): the stable interface of iproute2.
 */
import { RemoraError } from '../../base/errors.ts'
import { inPieces } from '../../base/pieces.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import { readMany, runInEach } from '../namespace/each.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { nsenterFailure, runInNamespace } from '../namespace/nsenter.ts'
import { findTool } from '../programs/tools.ts'
import { parseIpJson } from './ip-json.ts'
import { type IpLink, toInterfaces } from './ip-link.ts'

/**
 * Lists the interfaces of a network namespace in the order of their indexes.
 * @throws RemoraError FORBIDDEN, TOOL_MISSING or CAPTURE_FAILED
 */
export async function listInterfaces(namespace: NetworkNamespace, signal?: AbortSignal): Promise<NetworkInterface[]> {
  const options = { signal, maximumOutput: maximumListing }
  const result = await runInNamespace(namespace, [findTool('ip'), '-json', 'address', 'show'], options)
  if (result.status === 0) return parseInterfaces(result.stdout)
  throw (
    nsenterFailure(result.stderr) ??
    new RemoraError('CAPTURE_FAILED', `ip address failed: ${result.stderr.trim()}`, {
      hint: 'remora doctor looks at what remora needs on this host.',
    })
  )
}

/** Bytes of one namespace's interfaces, some 16,000 of them: its owner may make any number. */
const maximumListing = 4 * 1024 * 1024

/**
 * Lists the interfaces of many network namespaces. Their answers come one a line. A batch that is not answered in full, and whatever
 * needs more than a descriptor to be entered, is asked one by one.
 * @returns in the order given, a failure in place of what could not be read
 */
export async function listInterfacesOfMany(
  namespaces: readonly NetworkNamespace[],
  signal?: AbortSignal,
): Promise<(NetworkInterface[] | Error)[]> {
  return readMany(
    namespaces,
    simple => runBatch(simple, signal),
    namespace => listInterfaces(namespace, signal),
    signal,
  )
}

/** None when the batch was not answered in full. */
async function runBatch(
  namespaces: readonly NetworkNamespace[],
  signal: AbortSignal | undefined,
): Promise<(NetworkInterface[] | Error)[]> {
  const output = await runInEach(namespaces, [findTool('ip'), '-json', 'address', 'show'], { signal })
  const lines = output?.trimEnd().split('\n') ?? []
  return inPieces(lines, line => (line.length > maximumListing ? tooLong() : parseInterfaces(line)))
}

function tooLong(): Error {
  return new RemoraError('CAPTURE_FAILED', 'a network namespace has more interfaces than can be listed')
}

/** Reads the output of `ip -json address show`; a namespace without interfaces prints nothing, or `[]`. */
export function parseInterfaces(json: string): NetworkInterface[] {
  return toInterfaces(parseIpJson<IpLink>(json).filter(({ ifname }) => typeof ifname === 'string'))
}
