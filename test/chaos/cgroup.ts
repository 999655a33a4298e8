/**
 * A control group around a process under test: whatever it starts stays in there, however it is detached, so what is left
 * of it is seen; and its memory can be taken away (cgroups(7), version 1 and 2).
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kill } from 'node:process'
import { until } from '../helpers/command.ts'

export interface Cgroup {
  /** What stands before a command that shall run in it; the process number stays that of the command. */
  readonly enter: readonly string[]
  /** Numbers of the processes in it. */
  processes(): number[]
  /** Takes away all memory but what is in use, or as much of that as the kernel can get back. */
  squeeze(): void
  /** Ends whatever is in it. */
  close(): Promise<void>
}

const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers')
const root = isUnified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory'
const limitFile = isUnified ? 'memory.max' : 'memory.limit_in_bytes'

/** Makes a group; needs root. */
export function makeCgroup(name: string): Cgroup {
  const folder = join(root, name)
  const members = join(folder, 'cgroup.procs')
  mkdirSync(folder)
  const processes = () => readFileSync(members, 'utf8').split('\n').filter(Boolean).map(Number)
  return {
    enter: ['sh', '-c', 'echo $$ >"$0" && exec "$@"', members],
    processes,
    squeeze() {
      const mebibyte = 1024 * 1024
      for (let limit = 128 * mebibyte; limit > 4 * mebibyte; limit -= 2 * mebibyte) {
        try {
          writeFileSync(join(folder, limitFile), String(limit))
        } catch {
          // EBUSY: it cannot do with less.
          return
        }
      }
    },
    async close() {
      await until(`the processes of ${name} have ended`, () => {
        for (const pid of processes()) endAtOnce(pid)
        return processes().length === 0
      })
      rmdirSync(folder)
    },
  }
}

function endAtOnce(pid: number): void {
  try {
    kill(pid, 'SIGKILL')
  } catch {
    // It ended meanwhile.
  }
}
