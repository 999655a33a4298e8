/** The processes of the host with the container that each runs in, as its control group tells it. */
import { listProcesses } from '../linux/process/proc.ts'
import { type ProcessEntry, readProcess, scanEach } from '../linux/process/table.ts'
import { type CgroupContainer, readCgroupContainer } from './cgroup.ts'

/** A process at the moment of the look, with its container. */
export interface ContainedProcess extends ProcessEntry {
  readonly container: CgroupContainer | undefined
}

/** Processes in the order of their numbers. */
export function readContained(proc = '/proc'): ContainedProcess[] {
  return listProcesses(proc).flatMap(pid => readOneContained(pid, proc) ?? [])
}

/** Like {@link readContained}, in pieces. */
export function scanContained(signal?: AbortSignal, proc = '/proc'): Promise<ContainedProcess[]> {
  return scanEach(pid => readOneContained(pid, proc), signal, proc)
}

/** One process; undefined when there is none, or it is a thread of the kernel. */
export function readOneContained(pid: number, proc = '/proc'): ContainedProcess | undefined {
  const process = readProcess(pid, proc)
  return process && { ...process, container: readCgroupContainer(pid, proc) }
}
