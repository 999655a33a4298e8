/** Network namespaces that no process lives in: a thread, or a descriptor, keeps one. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start, until } from './command.ts'
import { scratch } from './scratch.ts'

const program = `
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
how, file = sys.argv[1], sys.argv[2]
own = os.open('/proc/self/ns/net', os.O_RDONLY)
def tell(path):
    os.system('ip link set lo up')
    with open(file + '.new', 'w') as told: told.write(str(os.stat(path).st_ino))
    os.rename(file + '.new', file)
def live():
    libc.unshare(0x40000000)
    tell('/proc/thread-self/ns/net')
    time.sleep(300)
if how == 'descriptor':
    libc.unshare(0x40000000)
    kept = os.open('/proc/self/ns/net', os.O_RDONLY)
    tell('/proc/self/fd/%d' % kept)
    libc.setns(own, 0)
else:
    threading.Thread(target=live).start()
    # The main thread ends alone, and leaves a zombie behind.
    if how == 'orphan': libc.syscall(60 if os.uname().machine == 'x86_64' else 93, 0)
time.sleep(300)
`

export const waysToHold = ['thread', 'orphan', 'descriptor'] as const

/** Keeps a namespace until the process ends; its loopback interface is up. */
export async function holdNamespace(how: (typeof waysToHold)[number]): Promise<{ holder: Running; inode: number }> {
  const folder = scratch()
  const [script, file] = [join(folder, 'hold.py'), join(folder, 'inode')]
  writeFileSync(script, program)
  const holder = start(['python3', script, how, file], {}, 300_000)
  await until('it holds the namespace', () => statSync(file, { throwIfNoEntry: false }) !== undefined)
  return { holder, inode: Number(readFileSync(file, 'utf8')) }
}
