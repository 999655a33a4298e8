/** The visible list of schemes. */
import type { ContainerScheme, Scheme } from './grammar/scheme.ts'
import { annotation } from './schemes/annotation.ts'
import { compose } from './schemes/compose.ts'
import { container } from './schemes/container.ts'
import { engines } from './schemes/engine.ts'
import { env } from './schemes/env.ts'
import { file } from './schemes/file.ts'
import { host } from './schemes/host.ts'
import { label } from './schemes/label.ts'
import { named } from './schemes/named.ts'
import { netns } from './schemes/netns.ts'
import { pid } from './schemes/pid.ts'
import { pod } from './schemes/pod.ts'
import { process } from './schemes/process.ts'
import { systemd } from './schemes/systemd.ts'

/** Schemes whose references mean containers, in the order of help and docs. */
const containerMembers = [container, ...engines, pod, label, annotation, env, compose] as const

/** Schemes whose references mean a namespace that the machine itself tells of: discover/open opens them, by the same names. */
const directMembers = [pid, process, systemd, named, netns, file, host] as const

/** A reference that means containers, taken apart. */
export type ContainerReference = ReturnType<(typeof containerMembers)[number]['parse']>

/** A reference that needs no engine, taken apart. */
export type DirectReference = ReturnType<(typeof directMembers)[number]['parse']>

/** A reference, taken apart. */
export type Reference = ContainerReference | DirectReference

/** Every scheme, in the order of help and docs. */
export const schemes: readonly Scheme<Reference>[] = [...containerMembers, ...directMembers]

const byName = new Map<string, Scheme<Reference>>(schemes.map(scheme => [scheme.name, scheme]))
const containerSchemes = new Map<string, ContainerScheme<ContainerReference>>(
  containerMembers.map(scheme => [scheme.name, scheme]),
)

/** Returns the scheme of a name; undefined for none. */
export function findScheme(name: string): Scheme<Reference> | undefined {
  return byName.get(name)
}

/** Returns the scheme of a reference that means containers; undefined for any other. */
export function containerScheme(reference: ContainerReference): ContainerScheme<ContainerReference>
export function containerScheme(reference: Reference): ContainerScheme<ContainerReference> | undefined
export function containerScheme({ scheme }: Reference): ContainerScheme<ContainerReference> | undefined {
  return containerSchemes.get(scheme)
}
