/**
 * What /proc says about processes (proc(5)). A process may end between any two reads, so whatever cannot be read is
 * undefined and never an error.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import { kill } from 'node:process'
import { RemoraError, systemCode } from '../../base/errors.ts'
import { noteExhaustion, watchExhaustion } from '../../base/exhaustion.ts'

/** The part of /proc/PID/stat that is used (proc_pid_stat(5)). */
export interface ProcessStat {
  /** Command name, at most 15 bytes. */
  readonly command: string
  /** Number of the parent process. */
  readonly parent: number
  /** Clock ticks since boot. */
  readonly startTime: number
}

/**
 * What /proc/PID/stat says: fields are counted after the last parenthesis, since the command name before it may contain
 * anything. A zombie keeps its entry but has lost its namespaces: for us it has ended.
 */
export function readStat(pid: number, proc = '/proc'): ProcessStat | undefined {
  const stat = readText(`${proc}/${pid}/stat`)
  if (stat === undefined) return undefined
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  const [parent, startTime] = [Number(fields[1]), Number(fields[19])]
  if (fields[0] === 'Z' || !Number.isSafeInteger(startTime)) return undefined
  return { command: stat.slice(stat.indexOf('(') + 1, end), parent, startTime }
}

/** Whether a thread of a process runs, or waits for a processor: state R of /proc/PID/task/TID/stat. */
export function isRunnable(pid: number, proc = '/proc'): boolean {
  return listNames(`${proc}/${pid}/task`).some(thread => {
    const stat = readText(`${proc}/${pid}/task/${thread}/stat`)
    return stat !== undefined && stat[stat.lastIndexOf(')') + 2] === 'R'
  })
}

/** Start time of a process in clock ticks since boot: field 22 of /proc/PID/stat. */
export function readStartTime(pid: number, proc = '/proc'): number | undefined {
  return readStat(pid, proc)?.startTime
}

/** Command name of a process, at most 15 bytes. */
export function readCommand(pid: number, proc = '/proc'): string | undefined {
  return readText(`${proc}/${pid}/comm`)?.replace(/\n$/, '')
}

type NamespaceKind = 'net' | 'pid' | 'user' | 'mnt'

/** Inode of a namespace of a process. */
export function readNamespaceInode(pid: number | 'self', kind: NamespaceKind, proc = '/proc'): number | undefined {
  const link = readLink(`${proc}/${pid}/ns/${kind}`)
  return link === undefined ? undefined : namespaceInode(link, kind)
}

/** Inode in the text of a namespace link, `net:[4026531840]`; undefined when it is of another kind. */
export function namespaceInode(link: string, kind: NamespaceKind): number | undefined {
  const [, found, inode] = /^(\w+):\[(\d+)\]$/.exec(link) ?? []
  return found === kind ? Number(inode) : undefined
}

/**
 * Nothing can be found without /proc, and then nothing must count as not being there.
 * @throws RemoraError CAPTURE_FAILED when it does not show this process
 */
export function requireProc(proc = '/proc'): void {
  if (existsSync(`${proc}/self/stat`)) return
  throw new RemoraError('CAPTURE_FAILED', `${proc} does not show this process`, {
    hint: 'Mount it: mount -t proc proc /proc. In a container, remora needs the processes of its host: --pid=host.',
  })
}

/** Whether a process is there that /proc hides from this user (proc(5), hidepid): signals are not hidden (kill(2)). */
export function isHidden(pid: number, proc = '/proc'): boolean {
  if (proc !== '/proc' || existsSync(`${proc}/${pid}`)) return false
  try {
    return kill(pid, 0)
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

/** Numbers of all processes, ascending. */
export function listProcesses(proc = '/proc'): number[] {
  return listNames(proc)
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

/** Numbers of the descriptors a process has open, ascending; none where this user may not look. */
export function listDescriptors(pid: number, proc = '/proc'): number[] {
  return listNames(`${proc}/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
}

function listNames(folder: string): string[] {
  return read(() => readdirSync(folder)) ?? []
}

/**
 * Bytes of an environment or an argument vector that are read. Any process may make all its memory its environment
 * (prctl(2), PR_SET_MM_MAP): gigabytes, for whoever reads to the end (docs/internals/discoveries).
 */
export const claimLimit = 256 * 1024

/** Environment of a process, as far as it may be read; only the beginning of one that is longer than 256 KiB. */
export function readEnvironment(pid: number, proc = '/proc'): Record<string, string> {
  const text = readBeginning(`${proc}/${pid}/environ`, claimLimit, '\0') ?? ''
  const entries = text.split('\0').filter(entry => entry.includes('='))
  return Object.fromEntries(
    entries.map(entry => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

/** Argument vector of a process, as far as it may be read; only the beginning of one that is longer than 256 KiB. */
export function readArguments(pid: number, proc = '/proc'): string[] {
  return (readBeginning(`${proc}/${pid}/cmdline`, claimLimit, '\0') ?? '').split('\0').slice(0, -1)
}

/** Value of an option in an argument vector, `--name value` or `--name=value`. */
export function optionValue(args: readonly string[], names: readonly string[]): string | undefined {
  for (const [index, argument] of args.entries()) {
    if (names.includes(argument)) return args[index + 1]
    const long = names.find(name => name.startsWith('--') && argument.startsWith(`${name}=`))
    if (long !== undefined) return argument.slice(long.length + 1)
  }
  return undefined
}

/**
 * Numbers of a process from the outermost PID namespace that /proc shows to its own (proc_pid_status(5), `NSpid`).
 */
export function readNestedPids(pid: number | 'self', proc = '/proc'): number[] {
  const [, numbers] = /^NSpid:\s*(.*)$/m.exec(readText(`${proc}/${pid}/status`) ?? '') ?? []
  return (numbers ?? '')
    .split(/\s+/)
    .filter(number => number !== '')
    .map(Number)
}

/** Bytes a process has written so far (proc_pid_io(5), `wchar`). */
export function readBytesWritten(pid: number, proc = '/proc'): number | undefined {
  const [, bytes] = /^wchar: (\d+)$/m.exec(readText(`${proc}/${pid}/io`) ?? '') ?? []
  return bytes === undefined ? undefined : Number(bytes)
}

/** Calls by which a process has written so far, also those that failed, and the bytes that they wrote; 0 when unknown. */
export function readWrites(pid: number, proc = '/proc'): { readonly calls: number; readonly bytes: number } {
  const text = readText(`${proc}/${pid}/io`) ?? ''
  const value = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return { calls: value('syscw'), bytes: value('wchar') }
}

/** Seconds since boot (proc_uptime(5)); 0 when unknown. */
export function readUptime(proc = '/proc'): number {
  return Number.parseFloat(readText(`${proc}/uptime`) ?? '') || 0
}

/** Numbers of capabilities, from linux/capability.h. */
export const capabilities = {
  dacOverride: 1,
  dacReadSearch: 2,
  setgid: 6,
  setuid: 7,
  setpcap: 8,
  netRaw: 13,
  sysPtrace: 19,
  sysAdmin: 21,
} as const

const capabilitySets = { effective: 'CapEff', ambient: 'CapAmb' } as const

/** Whether this process has a capability: in its effective set, or in the one that outlives an execve(2). */
export function hasCapability(
  capability: keyof typeof capabilities,
  proc = '/proc',
  set: keyof typeof capabilitySets = 'effective',
): boolean {
  const name = capabilitySets[set]
  const [, mask] = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(readText(`${proc}/self/status`) ?? '') ?? []
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(capabilities[capability])) & 1n) === 1n
}

/** What can be read; undefined, and noted where that is for want of descriptors or memory, when it cannot. */
function read<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    noteExhaustion(error)
    return undefined
  }
}

/**
 * Whether a process has ended, or its number is another's. What cannot be told for want of descriptors or memory is no.
 */
export function hasEnded({ pid, startTime }: { pid: number; startTime: number }, proc = '/proc'): boolean {
  return isCertain(() => readStartTime(pid, proc) !== startTime)
}

/** Whether something follows from what was read, and not from what could not be for want of descriptors or memory. */
export function isCertain(finding: () => boolean): boolean {
  const ranOut = watchExhaustion()
  return finding() && !ranOut()
}

/** Text of a file of /proc, undefined when it cannot be read. */
export function readText(path: string): string | undefined {
  return read(() => readFileSync(path, 'utf8'))
}

/** Where a link leads, undefined when it cannot be read. */
export function readLink(path: string): string | undefined {
  return read(() => readlinkSync(path))
}

/** Inode of what a path leads to; undefined when it leads nowhere. */
export function readInode(path: string): number | undefined {
  return read(() => statSync(path).ino)
}

/** Where beginnings are read: what it holds is text before the next one comes. */
const room = Buffer.allocUnsafeSlow(512 * 1024)

/**
 * The beginning of a file of /proc that may be long, in whole lines; undefined when it cannot be read.
 * @param limit bytes, at most 512 KiB
 * @param end what ends a line
 */
export function readBeginning(path: string, limit: number, end = '\n'): string | undefined {
  const bytes = readInto(room.subarray(0, limit), path)
  const text = bytes?.toString()
  return bytes?.length === limit ? text?.slice(0, text.lastIndexOf(end) + 1) : text
}

/** The beginning of a long file of /proc, of any length; undefined when it cannot be read. */
export function readStart(path: string, limit: number): string | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const chunks: Buffer[] = []
    for (let size = 0; size < limit; ) {
      const read = readSync(file, room)
      if (read === 0) break
      chunks.push(Buffer.from(room.subarray(0, read)))
      size += read
    }
    return Buffer.concat(chunks).toString()
  } catch (error) {
    noteExhaustion(error)
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** The beginning of a file of /proc, as much of it as there is room for; undefined when it cannot be read. */
export function readInto(buffer: Buffer, path: string): Buffer | undefined {
  let file: number | undefined
  let size = 0
  try {
    file = openSync(path, 'r')
    // Each read brings a page or so (seq_file.c).
    for (let read = -1; read !== 0 && size < buffer.length; size += read)
      read = readSync(file, buffer, size, buffer.length - size, null)
    return buffer.subarray(0, size)
  } catch (error) {
    noteExhaustion(error)
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
