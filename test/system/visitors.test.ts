/** Programs that capture: those of remora make no target of a namespace, and no other does so by its name. */
import { chmodSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { discover } from '../../src/discover/list/discover.ts'
import { isOwnCapture } from '../../src/linux/capturing/orphans.ts'
import { ownerMark } from '../../src/linux/process/owner.ts'
import { readCommand, readNamespaceInode, readStartTime } from '../../src/linux/process/proc.ts'
import { readProcess } from '../../src/linux/process/table.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { scratch } from '../helpers/scratch.ts'

const folder = scratch()
chmodSync(folder, 0o755)
const dumpcap = join(folder, 'dumpcap')
copyFileSync('/bin/sleep', dumpcap)
chmodSync(dumpcap, 0o755)

const running: Running[] = []
afterAll(() => Promise.all(running.map(({ child }) => end(child))))

/** A process that is called dumpcap, in a network namespace that nobody else is in. */
async function capturer(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { pid } = start([...command, dumpcap, '300'], { env: { PATH: process.env.PATH, ...env } }, 300_000)
  const own = readNamespaceInode('self', 'net')
  await until('it is one', () => readCommand(pid) === 'dumpcap' && readNamespaceInode(pid, 'net') !== own)
  return pid
}

const isVisitor = (pid: number) => {
  const found = readProcess(pid)
  return found !== undefined && isOwnCapture(found)
}

test('a capture is known by its owner, not by its name', async () => {
  const asUser = ['setpriv', '--reuid', '64001', '--regid', '64001', '--clear-groups', '--']
  const isolated = ['unshare', '-n']
  const own = await capturer(isolated, ownerMark())
  const unmarked = await capturer(isolated, {})
  const parent = `${process.ppid}@${readStartTime(process.ppid)}@${readNamespaceInode('self', 'pid')}`
  const copied = await capturer(isolated, { REMORA_OWNER: parent })
  expect([own, unmarked, copied].map(isVisitor)).toEqual([true, false, false])
  // A plain user's program that bears the mark of its own parent, which is no remora of root.
  const script = `REMORA_OWNER="$$@$(cut -d' ' -f22 /proc/$$/stat)@$(stat -L -c %i /proc/$$/ns/pid)" unshare -Urn ${dumpcap} 300 & echo $! >&2; wait`
  const owner = start([...asUser, 'sh', '-c', script], {}, 300_000)
  running.push(owner)
  await until('it tells the number', () => /\d+\n/.test(owner.stderr()))
  const theirs = Number(owner.stderr())
  await until('it is one', () => readCommand(theirs) === 'dumpcap')
  expect(isVisitor(theirs)).toBe(false)
  const { targets } = await discover({ signal: AbortSignal.timeout(20_000), interfaces: false })
  const isListed = (pid: number) => targets.some(({ netns }) => netns === readNamespaceInode(pid, 'net'))
  expect([own, unmarked, copied, theirs].map(isListed)).toEqual([false, true, true, true])
  for (const pid of [own, unmarked, copied, theirs]) process.kill(pid, 'SIGKILL')
})
