/** Network namespaces that no process lives in, and no mount of ours keeps: each is found by its inode. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { resolveTarget } from '../../src/discover/resolve.ts'
import { isStillThere } from '../../src/linux/namespace/netns.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { scratch } from '../helpers/scratch.ts'

const running: Running[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) await end(child)
})

/** Opens the namespace of an inode and says how it was found; it is not there any more when its holder has ended. */
async function found(inode: number): Promise<{ name: string; reference: string }> {
  const { namespace, name, reference } = await resolveTarget(`netns:${inode}`, {
    signal: AbortSignal.timeout(20_000),
    names: false,
  })
  expect([namespace.inode, isStillThere(namespace)]).toEqual([inode, true])
  for (const { child } of running) await end(child)
  await until('it has gone', () => !isStillThere(namespace))
  namespace.close()
  return { name, reference }
}

const program = `
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
how, file = sys.argv[1], sys.argv[2]
own = os.open('/proc/self/ns/net', os.O_RDONLY)
def tell(path):
    with open(file + '.new', 'w') as told: told.write(str(os.stat(path).st_ino))
    os.rename(file + '.new', file)
def live():
    libc.unshare(0x40000000)
    tell('/proc/thread-self/ns/net')
    time.sleep(300)
if how == 'descriptor':
    libc.unshare(0x40000000)
    kept = os.open('/proc/self/ns/net', os.O_RDONLY)
    libc.setns(own, 0)
    tell('/proc/self/fd/%d' % kept)
else:
    threading.Thread(target=live).start()
    # The main thread ends alone, and leaves a zombie behind.
    if how == 'orphan': libc.syscall(60 if os.uname().machine == 'x86_64' else 93, 0)
time.sleep(300)
`

test.each(['thread', 'orphan', 'descriptor'])('kept by: %s', async how => {
  const [script, file] = [join(scratch(), 'hold.py'), join(scratch(), 'inode')]
  writeFileSync(script, program)
  const holder = start(['python3', script, how, file], {}, 300_000)
  running.push(holder)
  await until('it holds the namespace', () => statSync(file, { throwIfNoEntry: false }) !== undefined)
  const inode = Number(readFileSync(file, 'utf8'))
  const target = await found(inode)
  expect(target).toEqual({ name: `python3(${holder.pid})`, reference: `netns:${inode}` })
})

test('mounted where only other processes see it', async () => {
  const file = join(scratch(), 'inode')
  const script = `mount -t tmpfs x /run/netns && ip netns add hidden && stat -L -c %i /run/netns/hidden >${file} && exec sleep 300`
  running.push(start(['unshare', '-m', 'sh', '-c', script], {}, 300_000))
  await until('it is mounted', () => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0)
  const inode = Number(readFileSync(file, 'utf8'))
  expect(await found(inode)).toMatchObject({ reference: `netns:${inode}` })
})
