/** Who has the terminal (credentials(7), sessions and process groups). */
import { readText } from './proc.ts'

/**
 * Whether this process is in the foreground of a terminal, whose keys then send their signals to it and to what it has
 * started alike: fields 5 (process group) and 8 (group in the foreground) of proc_pid_stat(5).
 */
export function isInForeground(proc = '/proc'): boolean {
  const stat = readText(`${proc}/self/stat`) ?? ''
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[2] !== undefined && fields[2] === fields[5]
}
