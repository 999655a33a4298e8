/** A folder that looks like /proc, with processes in it that have a root, an environment and namespaces. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

export interface FakeProcess {
  readonly pid: number
  readonly netns: number
  readonly mountns?: number
  /** Folder of the machine that is its root. */
  readonly root: string
  /** Folder it works in, as the link of /proc says. */
  readonly folder?: string
  readonly environment?: string
  readonly startTime?: number
  /** Text of its status; that of this process unless said otherwise. */
  readonly status?: string
  readonly auxiliary?: Buffer
}

export interface FakeProc {
  readonly folder: string
  add(process: FakeProcess): void
  remove(pid: number): void
}

export function fakeProc(): FakeProc {
  const folder = scratch()
  const place = (pid: number) => join(folder, String(pid))
  return {
    folder,
    add({
      pid,
      netns,
      mountns = 1,
      root,
      folder: working = root,
      environment = '',
      startTime = pid,
      status,
      auxiliary,
    }) {
      mkdirSync(join(place(pid), 'ns'), { recursive: true })
      symlinkSync(`net:[${netns}]`, join(place(pid), 'ns/net'))
      symlinkSync(`mnt:[${mountns}]`, join(place(pid), 'ns/mnt'))
      symlinkSync(root, join(place(pid), 'root'))
      symlinkSync(working, join(place(pid), 'cwd'))
      writeFileSync(join(place(pid), 'environ'), environment)
      for (const name of ['uid_map', 'gid_map']) symlinkSync(`/proc/self/${name}`, join(place(pid), name))
      if (status === undefined) symlinkSync('/proc/self/status', join(place(pid), 'status'))
      else writeFileSync(join(place(pid), 'status'), status)
      if (auxiliary !== undefined) writeFileSync(join(place(pid), 'auxv'), auxiliary)
      writeFileSync(join(place(pid), 'stat'), `${pid} (x) S 1 ${'0 '.repeat(17)}${startTime} 0`)
    },
    remove(pid) {
      rmSync(place(pid), { recursive: true })
    },
  }
}
