/** Priorities of processes (setpriority(2)). */
import { setPriority } from 'node:os'

/** Nice value of a process that has to be there in time; it waits for packets most of its life. */
const urgentNice = -10

/** Lets a process run before others where this one may say so (CAP_SYS_NICE); its threads inherit it. */
export function preferProcess(pid: number): void {
  // 0 stands for this process itself.
  if (pid === 0) return
  try {
    setPriority(pid, urgentNice)
  } catch {
    // It has ended, or this user may not: it runs as others do.
  }
}
