/** Ids of the topology document: they hold within one document, and are the same in the next while nothing changes. */
import type { ContainerFacts } from '../model/target.ts'

/** Id of a network namespace, by its inode. */
export const netnsId = (netns: number) => `netns-${netns}`
/** Id of an interface, by the inode of its namespace and its index. */
export const nifId = (netns: number, index: number) => `nif-${netns}-${index}`
/** Id of a PID namespace, by its inode. */
export const pidnsId = (pidns: number) => `pidns-${pidns}`
/** Id of the mount that keeps a network namespace alive, by the inode of that. */
export const mountId = (netns: number) => `bmnt-${netns}`

/** The id of a tenant; that of a container whose process is not known is taken from its engine. */
export function tenantId(pid: number, container?: ContainerFacts): string {
  return `cont-${pid > 0 || container === undefined ? pid : container.id}`
}
