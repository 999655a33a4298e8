/** What /proc tells of a process beyond its place: arguments, capabilities, CPUs and scheduling (sched(7)). */
import type { ProcessFacts } from '../../model/process.ts'
import { parseRanges } from './cpu-list.ts'
import { readArguments, readCommand, readNamespaceInode, readText } from './proc.ts'

/** Reads the facts of a process; what has ended or may not be looked into leaves them empty. */
export function readProcessFacts(pid: number, proc = '/proc'): Omit<ProcessFacts, 'container' | 'dns' | 'taps'> {
  const status = readText(`${proc}/${pid}/status`) ?? ''
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status)?.[1] ?? ''
  return {
    pid,
    command: readCommand(pid, proc) ?? '',
    args: readArguments(pid, proc),
    netns: readNamespaceInode(pid, 'net', proc) ?? 0,
    pidns: readNamespaceInode(pid, 'pid', proc) ?? 0,
    capabilities: field('CapBnd'),
    affinity: parseRanges(field('Cpus_allowed_list')),
    ...parseScheduling(readText(`${proc}/${pid}/stat`) ?? ''),
  }
}

/** Fields 19 (nice), 40 (real-time priority) and 41 (policy) of proc_pid_stat(5); the first two are before the fields. */
export function parseScheduling(stat: string): Pick<ProcessFacts, 'policy' | 'priority' | 'nice'> {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const fieldAt = (number: number) => Number(fields[number - 3]) || 0
  return { nice: fieldAt(19), priority: fieldAt(40), policy: fieldAt(41) }
}
