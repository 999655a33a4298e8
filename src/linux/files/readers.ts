/**
 * Who holds the other end: whether the reader of a pipe or fifo is still there, also while nothing is written to it, and
 * whether anybody has a file open. A fifo tells by opening it once more: ENXIO means that nobody reads (fifo(7)). A pipe
 * without a name is looked for among the descriptors of all processes (proc_pid_fd(5)), a socket in what ss(8) lists.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { systemCode } from '../../base/errors.ts'
import { isCertain, listDescriptors, listProcesses, readLink, readText } from '../process/proc.ts'
import { run } from '../programs/run.ts'
import { lookUpTool } from '../programs/tools.ts'
import { isPipe } from './fifo.ts'

const { O_WRONLY, O_NONBLOCK } = constants

/**
 * Watches for the reader of a pipe or fifo to go, also while nothing is written.
 * @returns a check that is false once the reader is certain to be gone
 */
export function readerCheck(fd: number): () => boolean {
  if (fstatSync(fd).isSocket()) return socketReaderCheck(fstatSync(fd).ino)
  if (!isPipe(fd)) return () => true
  const link = readlinkSync(`/proc/self/fd/${fd}`)
  return link.startsWith('pipe:[') ? pipeReaderCheck(link) : () => fifoHasReader(fd)
}

function fifoHasReader(fd: number): boolean {
  try {
    closeSync(openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK))
    return true
  } catch (error) {
    return systemCode(error) !== 'ENXIO'
  }
}

/**
 * An unnamed pipe cannot be asked, so its reader is looked up in /proc once and then watched by number. A reader that
 * this user cannot see is never declared gone; then the next packet finds out.
 */
function pipeReaderCheck(link: string): () => boolean {
  let readers = findPipeReaders(link)
  const visible = readers.length > 0
  return () => {
    const hasGone = () => {
      if (readers.some(reader => isReading(reader, link))) return false
      readers = findPipeReaders(link)
      return readers.length === 0
    }
    return !visible || !isCertain(hasGone)
  }
}

/** Milliseconds between two looks at the sockets. */
const socketInterval = 2_000

/**
 * Standard output may be one end of a pair of unix sockets: sshd hands those to a command without a terminal. ss(8) tells
 * that the other end is closed: its number is 0 then. Other sockets are never declared gone.
 */
function socketReaderCheck(inode: number): () => boolean {
  const ss = lookUpTool('ss')
  let gone = false
  let asked = Number.NEGATIVE_INFINITY
  return () => {
    if (ss !== undefined && performance.now() - asked > socketInterval) {
      asked = performance.now()
      run([ss, '-xaH']).then(
        ({ stdout }) => {
          gone = new RegExp(`\\* ${inode} +\\* 0\\s*$`, 'm').test(stdout)
        },
        () => {},
      )
    }
    return !gone
  }
}

function findPipeReaders(link: string): string[] {
  return listProcesses()
    .filter(pid => pid !== process.pid)
    .flatMap(pid => listDescriptors(pid).map(fd => `/proc/${pid}/fd/${fd}`))
    .filter(path => isReading(path, link))
}

function isReading(path: string, link: string): boolean {
  if (readLink(path) !== link) return false
  const [, flags] = /^flags:\s*(\d+)$/m.exec(readText(path.replace('/fd/', '/fdinfo/')) ?? '') ?? []
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) !== O_WRONLY
}

/**
 * Whether any process this user can see has a file open. The files that others have open are not asked: one that a process
 * serves may never answer. The kernel tells of each its path, and its inode and mount (proc_pid_fdinfo(5), Linux 5.14).
 */
export function isOpenSomewhere(path: string): boolean {
  const { dev, ino } = statSync(path, { bigint: true })
  const device = `${major(dev)}:${minor(dev)}`
  const real = realpathSync(path)
  return listProcesses().some(pid =>
    listDescriptors(pid).some(fd => {
      if (readLink(`/proc/${pid}/fd/${fd}`) === real) return true
      const info = readText(`/proc/${pid}/fdinfo/${fd}`) ?? ''
      const [, inode] = /^ino:\s*(\d+)$/m.exec(info) ?? []
      return inode === String(ino) && isOn(device, pid, info)
    }),
  )
}

/** Whether a descriptor of a process lies on a device; true also where that cannot be told. */
function isOn(device: string, pid: number, info: string): boolean {
  const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(info) ?? []
  const lines = (readText(`/proc/${pid}/mountinfo`) ?? '').split('\n').map(line => line.split(' '))
  const found = lines.find(([id]) => id === mount)
  return found === undefined || found[2] === device
}

/** As glibc's makedev(3) packs them. */
function major(device: bigint): bigint {
  return ((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)
}

function minor(device: bigint): bigint {
  return ((device >> 12n) & 0xffffff00n) | (device & 0xffn)
}
