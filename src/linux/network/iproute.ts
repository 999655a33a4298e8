/**
 * Network interfaces of a namespace, from the JSON output of ip(8): the stable interface of iproute2.
 */
import { RemoraError } from '../../base/errors.ts'
import { inPieces } from '../../base/pieces.ts'
import { readMany, runInEach } from '../namespace/each.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { nsenterFailure, runInNamespace } from '../namespace/nsenter.ts'
import { findTool } from '../programs/tools.ts'
import { parseIpJson } from './ip-json.ts'

/** An interface, as `ip -json address` tells of it (ip-address(8)). */
export interface NetworkInterface {
  readonly index: number
  /** Bytes of it that are no UTF-8 are U+FFFD; the index stands behind such a name, so that it is one. */
  readonly name: string
  /** Alternative names (ip-link(8), altname); the kernel takes each for the interface. */
  readonly altNames?: readonly string[]
  /** Administratively up (IFF_UP): a capture on it can start. */
  readonly up: boolean
  /** Operational state (RFC 2863), `UP`, `DOWN`, `UNKNOWN` …. */
  readonly operstate: string
  readonly loopback: boolean
  readonly addresses: readonly InterfaceAddress[]
  /** Hardware address of six bytes, where it has one that is not all zeros. */
  readonly mac?: string
  /** Longest packet it sends, bytes. */
  readonly mtu?: number
  /** Index of the other end of a veth pair, or of the interface below (IFLA_LINK). */
  readonly linkIndex?: number
  /** The namespace that index is one of, by its number here (IFLA_LINK_NETNSID); undefined: this one. */
  readonly linkNetnsId?: number
  /** `ether`, `loopback`, `none` …: ARPHRD_* as ip(8) calls them. */
  readonly linkType?: string
}

/** An IPv4 or IPv6 address of an interface. */
export interface InterfaceAddress {
  /** Without its prefix length. */
  readonly address: string
  /** `global`, `link`, `host` …. */
  readonly scope: string
}

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

/** Bytes of one namespace's interfaces, some 6,000 of them: its owner may make any number. */
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
  const links = parseIpJson<IpLink>(json)
  return links
    .filter(link => typeof link.ifname === 'string')
    .map(link => ({
      index: link.ifindex ?? 0,
      name: nameOf(link),
      ...(link.altnames !== undefined && { altNames: link.altnames }),
      up: link.flags?.includes('UP') ?? false,
      operstate: link.operstate ?? 'UNKNOWN',
      loopback: link.flags?.includes('LOOPBACK') ?? false,
      addresses: (link.addr_info ?? []).flatMap(({ local, scope }) =>
        local === undefined ? [] : [{ address: local, scope: scope ?? 'global' }],
      ),
      ...linkFacts(link, links),
    }))
    .sort((a, b) => a.index - b.index)
}

function nameOf({ ifname = '', ifindex = 0 }: IpLink): string {
  return ifname.includes('\uFFFD') ? `${ifname}#${ifindex}` : ifname
}

/** Whether an interface is called so, by its own name or an alternative one. */
export function hasName({ name, altNames = [] }: NetworkInterface, wanted: string): boolean {
  return name === wanted || altNames.includes(wanted)
}

type LinkFacts = Pick<NetworkInterface, 'mac' | 'mtu' | 'linkIndex' | 'linkNetnsId' | 'linkType'>

function linkFacts(link: IpLink, links: readonly IpLink[]): LinkFacts {
  const { address = '', mtu, link_netnsid, link_type } = link
  const linkIndex = linkIndexOf(link, links)
  return {
    ...(/^(?!00(:00){5})[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(address) && { mac: address }),
    ...(mtu !== undefined && { mtu }),
    ...(linkIndex !== undefined && { linkIndex }),
    ...(linkIndex !== undefined && link_netnsid !== undefined && { linkNetnsId: link_netnsid }),
    ...(link_type !== undefined && { linkType: link_type }),
  }
}

/** The kernel may leave an index out that equals the own one (nla_put_iflink); ip(8) gives a name for one of this namespace. */
function linkIndexOf(
  { ifindex, link, link_index, link_netnsid }: IpLink,
  links: readonly IpLink[],
): number | undefined {
  if (link_index !== undefined) return link_index
  if (typeof link === 'string') return links.find(({ ifname }) => ifname === link)?.ifindex
  return link === undefined && link_netnsid !== undefined ? ifindex : undefined
}

/** The part of iproute2's JSON that is used. */
interface IpLink {
  readonly ifindex?: number
  readonly ifname?: string
  readonly altnames?: readonly string[]
  readonly flags?: readonly string[]
  readonly operstate?: string
  readonly address?: string
  readonly mtu?: number
  /** Name of the interface below, or of the peer, in the same namespace; null for none. */
  readonly link?: string | null
  /** Index of that, in another namespace. */
  readonly link_index?: number
  readonly link_netnsid?: number
  readonly link_type?: string
  readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[]
}
