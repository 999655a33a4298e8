/** Types of targets as clients of Ghostwire know them, and those of engines as its metadata names them. */
import type { ContainerEngine, TargetType } from '../model/target.ts'

/** Kinds of targets that go by another name there; the rest keep theirs. */
const targetTypes: Partial<Record<TargetType, string>> = { cri: 'CRI', host: 'proc' }

/** The `type` of a target. */
export function ghostwireType(type: TargetType): string {
  return targetTypes[type] ?? type
}

const engineTypes: Partial<Record<ContainerEngine | 'traces', string>> = {
  docker: 'docker.com',
  podman: 'podman.io',
  containerd: 'containerd.io',
  cri: 'k8s.io/cri-api',
}

/** The `type` of an engine in the metadata. */
export function engineType(engine: ContainerEngine | 'traces'): string {
  return engineTypes[engine] ?? engine
}

const typeTexts: Partial<Record<TargetType, string>> = { proc: 'Process', host: 'Process', bindmount: 'Bind-mounted' }

/** The `type-text`: a type in words. */
export function typeText(type: TargetType): string {
  return typeTexts[type] ?? type.charAt(0).toUpperCase() + type.slice(1)
}
