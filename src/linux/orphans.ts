/**
 * Captures that outlived the remora that started them: possible only in the instant between a start and its death
 * signal. Each carries its owner in its environment; whose owner is gone is ended at the next opportunity.
 */
import { kill } from 'node:process'
import { listProcesses, readCommand, readEnvironment, readStartTime } from './proc.ts'

const variable = 'REMORA_OWNER'

/** Environment entry that marks a child as this process's. */
export function ownerMark(): Record<string, string> {
  return { [variable]: `${process.pid}@${readStartTime(process.pid) ?? 0}` }
}

/** Ends captures whose owner no longer lives, as far as this user may; returns their process numbers. */
export function endOrphans(proc = '/proc'): number[] {
  return listProcesses(proc)
    .filter(pid => readCommand(pid, proc) === 'dumpcap' && isOrphan(readEnvironment(pid, proc)[variable], proc))
    .filter(pid => {
      try {
        return kill(pid, 'SIGKILL')
      } catch {
        return false
      }
    })
}

function isOrphan(owner: string | undefined, proc: string): boolean {
  const [, pid, startTime] = /^(\d+)@(\d+)$/.exec(owner ?? '') ?? []
  return pid !== undefined && readStartTime(Number(pid), proc) !== Number(startTime)
}
