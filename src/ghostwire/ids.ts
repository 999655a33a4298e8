/** Ids of the topology document: they hold within one document, and are the same in the next while nothing changes. */
import type { ContainerFacts } from '../target/model.ts'

export const netnsId = (netns: number) => `netns-${netns}`
export const nifId = (netns: number, index: number) => `nif-${netns}-${index}`
export const pidnsId = (pidns: number) => `pidns-${pidns}`
export const mountId = (netns: number) => `bmnt-${netns}`

/** The id of a tenant; that of a container whose process is not known is taken from its engine. */
export function tenantId(pid: number, container?: ContainerFacts): string {
  return `cont-${pid > 0 || container === undefined ? pid : container.id}`
}
