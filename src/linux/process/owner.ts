/** The remora that something belongs to, a child or a folder: written where whoever finds it later can tell whether that remora lives. */
import { hasEnded, readEnvironment, readNamespaceInode, readStartTime } from './proc.ts'

const variable = 'REMORA_OWNER'

/** A remora, as no other process is called. */
export interface Owner {
  readonly pid: number
  readonly startTime: number
  /** Inode of the PID namespace its number is of. */
  readonly pidns: number
}

/** Environment entry that marks a child as this process's. */
export function ownerMark(): Record<string, string> {
  return { [variable]: ownerName() }
}

/** The name of this process as an owner. */
export function ownerName(): string {
  return `${process.pid}@${readStartTime(process.pid) ?? 0}@${ownPidNamespace()}`
}

/** The name of the owner that a process is marked with. */
export function readOwner(pid: number, proc = '/proc'): string | undefined {
  return readEnvironment(pid, proc)[variable]
}

/** Reads the name of an owner; undefined for any other text. */
export function parseOwner(name = ''): Owner | undefined {
  const [, pid, startTime, pidns] = /^(\d+)@(\d+)@(\d+)$/.exec(name) ?? []
  return pid === undefined ? undefined : { pid: Number(pid), startTime: Number(startTime), pidns: Number(pidns) }
}

/** Whether the owner of something was of this PID namespace, and no longer lives. */
export function isOrphan(name: string | undefined, proc = '/proc'): boolean {
  const owner = parseOwner(name)
  return owner !== undefined && owner.pidns === ownPidNamespace() && hasEnded(owner, proc)
}

function ownPidNamespace(): number {
  return readNamespaceInode('self', 'pid') ?? 0
}
