/** The visible list of engines: those that are asked over a socket, and those that only leave traces. */
import type { AskedEngine, ContainerEngine } from '../model/target.ts'
import { containerd } from './containerd.ts'
import { cri } from './cri.ts'
import { docker } from './docker.ts'
import { incus } from './incus.ts'
import type { EngineKind, Traces } from './kind.ts'
import { lxc } from './lxc.ts'
import { lxd } from './lxd.ts'
import { nspawn } from './nspawn.ts'
import { podman } from './podman.ts'

/** In the order in which they are listed. */
const asked: { readonly [E in AskedEngine]: EngineKind } = { docker, podman, containerd, cri, lxd, incus }
const silent: { readonly [E in Exclude<ContainerEngine, AskedEngine>]: Traces } = { lxc, nspawn }

/** Engines that are asked. */
export const kinds: readonly EngineKind[] = Object.values(asked)

/** Returns the member of a name; undefined for what is not asked. */
export function kindOf(name: ContainerEngine | 'traces'): EngineKind | undefined {
  return kinds.find(kind => kind.name === name)
}

/** What the containers of each engine leave in /proc. */
export const traces: readonly (Traces & { readonly engine: ContainerEngine })[] = [
  ...kinds.map(({ name, traces = {} }) => ({ engine: name, ...traces })),
  ...Object.entries(silent).map(([name, own]) => ({ engine: name as ContainerEngine, ...own })),
]
