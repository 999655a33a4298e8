/**
 * Network interfaces of a namespace, from the JSON output of ip(8): the stable interface of iproute2.
 */
import { RemoraError } from '../base/errors.ts'
import type { NetworkNamespace } from './netns.ts'
import { namespaceEntry, nsenterFailure } from './nsenter.ts'
import { run } from './run.ts'
import { findTool } from './tools.ts'

export interface NetworkInterface {
  readonly index: number
  readonly name: string
  /** Administratively up (IFF_UP): a capture on it can start. */
  readonly up: boolean
  /** Operational state (RFC 2863), `UP`, `DOWN`, `UNKNOWN` …. */
  readonly operstate: string
  readonly loopback: boolean
  readonly addresses: readonly InterfaceAddress[]
}

export interface InterfaceAddress {
  readonly address: string
  /** `global`, `link`, `host` …. */
  readonly scope: string
}

/**
 * Lists the interfaces of a network namespace in the order of their indexes.
 * @throws RemoraError FORBIDDEN, TOOL_MISSING or CAPTURE_FAILED
 */
export async function listInterfaces(namespace: NetworkNamespace, signal?: AbortSignal): Promise<NetworkInterface[]> {
  const { prefix, descriptors } = namespaceEntry(namespace)
  const result = await run([...prefix, findTool('ip'), '-json', 'address', 'show'], { descriptors, signal })
  if (result.status === 0) return parseInterfaces(result.stdout)
  throw nsenterFailure(result.stderr) ?? new RemoraError('CAPTURE_FAILED', `ip address failed: ${result.stderr.trim()}`)
}

/** Reads the output of `ip -json address show`; a namespace without interfaces prints nothing, or `[]`. */
export function parseInterfaces(json: string): NetworkInterface[] {
  // iproute2 does not escape control characters, and an interface may be called nearly anything (dev_valid_name).
  const clean = json.replace(/[^\P{Cc}\s]/gu, byte => `\\u00${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  const links = clean.trim() === '' ? [] : (JSON.parse(clean) as IpLink[])
  return links
    .filter(link => typeof link.ifname === 'string')
    .map(link => ({
      index: link.ifindex ?? 0,
      name: link.ifname ?? '',
      up: link.flags?.includes('UP') ?? false,
      operstate: link.operstate ?? 'UNKNOWN',
      loopback: link.flags?.includes('LOOPBACK') ?? false,
      addresses: (link.addr_info ?? []).flatMap(({ local, scope }) =>
        local === undefined ? [] : [{ address: local, scope: scope ?? 'global' }],
      ),
    }))
    .sort((a, b) => a.index - b.index)
}

/** The part of iproute2's JSON that is used; old versions print empty objects between the links. */
interface IpLink {
  readonly ifindex?: number
  readonly ifname?: string
  readonly flags?: readonly string[]
  readonly operstate?: string
  readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[]
}
