/** The documents of Ghostwire as remora prints them, and what the tests look at in them. */
import { remora } from './remora.ts'

interface Reference {
  readonly idref: string
  readonly name: string
}
interface Interface {
  readonly id: string
  readonly name: string
  readonly index: number
  readonly operstate: string
  readonly addresses: Record<'ipv4' | 'ipv6', { readonly address: string; readonly prefixlen: number }[]> & {
    readonly mac: string
  }
  readonly peer?: { readonly 'peer-idref': string; readonly 'peer-name': string }
  readonly master?: Reference
  readonly slaves?: Reference[]
}
interface Port {
  readonly protocol: string
  readonly 'local-address': string
  readonly 'local-port': number
  readonly macrostate: string
  readonly owners: { readonly pid: number }[]
}
interface Route {
  readonly type: string
  readonly destination: string
  readonly 'destination-prefixlen': number
  readonly 'next-hop'?: string
  readonly table: number
  readonly priority: number
}
export interface Namespace {
  readonly netnsid: number
  readonly containers: { readonly id: string; readonly name: string }[]
  readonly 'network-interfaces': Interface[]
  readonly routes: Record<'ipv4' | 'ipv6', Route[]>
  readonly 'transport-ports': Record<'ipv4' | 'ipv6', Port[]>
  readonly 'forwarded-ports': Record<'ipv4' | 'ipv6', Record<string, unknown>[]>
}
export interface Topology {
  readonly metadata: Record<string, unknown>
  readonly 'network-namespaces': Namespace[]
}

/** A document that remora prints. */
export async function document<T>(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  const { status, stdout, stderr } = await remora(['list', '--format', ...args], { env })
  if (status !== 0) throw new Error(`remora list ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

export const topology = (env?: NodeJS.ProcessEnv) => document<Topology>(['ghostwire'], env)

/** A namespace of the document by its inode. */
export function namespaceIn({ 'network-namespaces': all }: Topology, inode: number): Namespace {
  const found = all.find(({ netnsid }) => netnsid === inode)
  if (found === undefined) throw new Error(`namespace ${inode} is not in the document`)
  return found
}

/** An interface of a namespace by its name. */
export function nif({ 'network-interfaces': all }: Namespace, name: string): Interface | undefined {
  return all.find(other => other.name === name)
}
