/**
 * The host names of processes (uts_namespaces(7)). No file of another process tells it: the namespace is entered through
 * a descriptor, by one xargs(1) for all, since starting a process from here costs more than the process itself.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { hostname } from 'node:os'
import { batchesOf } from '../namespace/each.ts'
import { readInode } from '../process/proc.ts'
import { run } from '../programs/run.ts'
import { lookUpTool } from '../programs/tools.ts'

/** Host names by process; those that cannot be had are left out. */
export async function readHostnames(pids: readonly number[], signal?: AbortSignal): Promise<Map<number, string>> {
  const own = utsInode('self')
  const inodes = new Map(pids.map(pid => [pid, utsInode(pid)]))
  const names = new Map([[own, hostname()]])
  const representatives = new Map([...inodes].flatMap(([pid, inode]) => (inode === undefined ? [] : [[inode, pid]])))
  representatives.delete(own ?? 0)
  for (const batch of batchesOf([...representatives], 1)) {
    for (const [inode, name] of await readBatch(batch, signal)) names.set(inode, name)
  }
  return new Map(
    [...inodes].flatMap(([pid, inode]) => {
      const name = inode === undefined ? undefined : names.get(inode)
      return name === undefined ? [] : [[pid, name]]
    }),
  )
}

async function readBatch(
  batch: readonly (readonly [inode: number, pid: number])[],
  signal: AbortSignal | undefined,
): Promise<[inode: number, name: string][]> {
  const [xargs, nsenter, cat] = [lookUpTool('xargs'), lookUpTool('nsenter'), lookUpTool('cat')]
  if (xargs === undefined || nsenter === undefined || cat === undefined) return []
  const opened = batch.flatMap(([inode, pid]) => {
    try {
      return { inode, descriptor: openSync(`/proc/${pid}/ns/uts`, constants.O_RDONLY) }
    } catch {
      return []
    }
  })
  try {
    const entry = [nsenter, '--uts=/proc/self/fd/{}', '--', cat, '/proc/sys/kernel/hostname']
    const { stdout } = await run([xargs, '-I', '{}', ...entry], {
      descriptors: opened.map(({ descriptor }) => descriptor),
      input: opened.map((_, index) => `${index + 3}\n`).join(''),
      signal,
    })
    const lines = stdout.split('\n').slice(0, -1)
    return lines.length === opened.length ? opened.map(({ inode }, index) => [inode, lines[index] ?? '']) : []
  } finally {
    for (const { descriptor } of opened) closeSync(descriptor)
  }
}

function utsInode(pid: number | 'self'): number | undefined {
  return readInode(`/proc/${pid}/ns/uts`)
}
