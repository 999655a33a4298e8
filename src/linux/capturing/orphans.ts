/**
 * Captures that outlived the remora that started them: possible only in the instant between a start and its death
 * signal. Each carries its owner in its environment; whose owner is gone is ended at the next opportunity.
 */
import { kill } from 'node:process'
import {
  hasEnded,
  listProcesses,
  readCommand,
  readEnvironment,
  readNamespaceInode,
  readStartTime,
} from '../process/proc.ts'

const variable = 'REMORA_OWNER'

/** Command names of the programs that capture for remora. */
export const capturePrograms: ReadonlySet<string | undefined> = new Set(['dumpcap', 'tcpdump'])

/** Environment entry that marks a child as this process's. */
export function ownerMark(): Record<string, string> {
  return { [variable]: ownerName() }
}

/** This process, as no other is called: number, start time, and the PID namespace they are of. */
export function ownerName(): string {
  return `${process.pid}@${readStartTime(process.pid) ?? 0}@${pidNamespace()}`
}

/** Numbers of captures whose owner no longer lives; those of a remora in another PID namespace are none of ours. */
export function findOrphans(proc = '/proc'): number[] {
  return listProcesses(proc).filter(
    pid => capturePrograms.has(readCommand(pid, proc)) && isOrphan(readEnvironment(pid, proc)[variable], proc),
  )
}

/** Ends orphaned captures, as far as this user may; returns their process numbers. */
export function endOrphans(): number[] {
  return findOrphans().filter(pid => {
    try {
      return kill(pid, 'SIGKILL')
    } catch {
      return false
    }
  })
}

/** Whether the owner of something was of this PID namespace, and no longer lives. */
export function isOrphan(owner: string | undefined, proc = '/proc'): boolean {
  const [, pid, startTime, namespace] = /^(\d+)@(\d+)@(\d+)$/.exec(owner ?? '') ?? []
  return (
    pid !== undefined &&
    Number(namespace) === pidNamespace() &&
    hasEnded({ pid: Number(pid), startTime: Number(startTime) }, proc)
  )
}

function pidNamespace(): number {
  return readNamespaceInode('self', 'pid') ?? 0
}
