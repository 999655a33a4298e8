/**
 * A mark on everything that this test process starts, so that a test counts what is its own and is not disturbed by another
 * remora or engine on the machine: a folder that does not exist, at the end of PATH. remora hands PATH on to the tools it
 * starts, so the mark reaches every dumpcap, however many programs are in between.
 */
import { readdirSync, readFileSync } from 'node:fs'

const mark = `/nonexistent/remora-test-${process.pid}`

process.env.PATH = `${process.env.PATH}:${mark}`

/** Whether a process carries the mark of this test process. */
export function isOurs(pid: number): boolean {
  try {
    const path = readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .find(entry => entry.startsWith('PATH='))
    return path?.split(':').includes(mark) ?? false
  } catch {
    return false // It has ended.
  }
}

/** Ends what a failed test left running. */
export function endOurs(): void {
  for (const name of readdirSync('/proc').filter(entry => /^\d+$/.test(entry) && isOurs(Number(entry)))) {
    try {
      process.kill(Number(name), 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
}
