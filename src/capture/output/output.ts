/**
 * Where the packets go: a fifo of Wireshark's, standard output, or a file. Whatever it is, dumpcap gets a descriptor for
 * blocking writes. A file grows as FILE.partial and gets its name when the capture is over, also one that was cut short.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isatty } from 'node:tty'
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'
import { isPipe, openFifo, reopenPipe } from '../../linux/files/fifo.ts'
import { isOpenSomewhere } from '../../linux/files/readers.ts'
import type { OutputRequest, Settlement } from '../request/output.ts'
import { isFull, writeFailure } from './termination.ts'
import { trimToWholeBlocks } from './trim.ts'

/** An open output. */
export interface Output {
  /** Descriptor for blocking writes. */
  readonly fd: number
  /**
   * Ends the output; called once, when nobody writes any more.
   * @param whole false when the writer broke off: half a block at the end is cut away
   */
  finish(whole: boolean): void
  /** Takes the output back: nothing worth keeping was written. */
  discard(): void
}

/** Milliseconds to wait for somebody to read a fifo; Wireshark's dumpcap starts a moment after us. */
const fifoTimeout = 10_000

/**
 * Opens an output.
 * @throws RemoraError USAGE when the place cannot take packets, CAPTURE_FAILED when a fifo has no reader
 */
export async function openOutput(request: OutputRequest, signal?: AbortSignal): Promise<Output> {
  switch (request.kind) {
    case 'fifo':
      return descriptorOutput(await openFifo(request.path, fifoTimeout, signal))
    case 'stdout':
      return openStandardOutput()
    case 'file':
      return openFile(request, signal)
  }
}

/** Takes an output back that is being opened, for a failure that came first. */
export async function discard(opening: Promise<Output>, error: unknown): Promise<never> {
  await opening.then(
    output => output.discard(),
    () => {},
  )
  throw error
}

function descriptorOutput(fd: number, keep = false): Output {
  const end = () => {
    if (!keep) closeSync(fd)
  }
  return { fd, finish: end, discard: end }
}

function openStandardOutput(): Output {
  if (isatty(1)) {
    throw new RemoraError('USAGE', 'packets are not written to a terminal', {
      hint: 'Write them to a file (-w FILE) or to a program (| tshark -r -, | wireshark -k -i -).',
    })
  }
  // A pipe's flags are shared with whoever opened it, and may say not to block; a file must keep its position.
  const own = isPipe(1) ? reopenPipe(1) : undefined
  return own === undefined ? descriptorOutput(1, true) : descriptorOutput(own)
}

async function openFile(
  { path, onWritten }: Extract<OutputRequest, { kind: 'file' }>,
  signal?: AbortSignal,
): Promise<Output> {
  if (path === '')
    throw new RemoraError('USAGE', 'the file to write has no name', { hint: 'Use -w FILE, or -w - for a pipe.' })
  const entry = lookAt(path, lstatSync)
  if (entry !== undefined) refusePlanted(path, entry)
  const isLink = entry?.isSymbolicLink() ?? false
  const existing = isLink ? lookAt(path, statSync) : entry
  if (existing === undefined) return openPartial(path, onWritten)
  if (onWritten === undefined && isStandardOutput(existing)) return openStandardOutput()
  if (existing.isDirectory())
    throw new RemoraError('USAGE', `${path} is a directory`, { hint: 'Name a file in it: -w FILE.' })
  // What a link leads to is replaced, not the link.
  if (existing.isFile()) return openPartial(isLink ? realpathSync(path) : path, onWritten)
  if (onWritten !== undefined) throw new RemoraError('USAGE', `${path} is no file`, { hint: 'Name a file: -w FILE.' })
  return existing.isFIFO()
    ? descriptorOutput(await openFifo(path, fifoTimeout, signal))
    : descriptorOutput(openForWriting(path, constants.O_WRONLY))
}

function lookAt(path: string, look: typeof lstatSync): Stats | undefined {
  try {
    return look(path, { throwIfNoEntry: false })
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

/**
 * In a folder where everybody may put things, a link or a fifo of somebody else's is not followed: packets would go to him,
 * or over a file that he may not write. The kernel can be told to see to that (proc_sys_fs(5), protected_symlinks and
 * protected_fifos), and is not on every machine. A file of his is replaced, and never opened.
 * @throws RemoraError FORBIDDEN
 */
function refusePlanted(path: string, entry: Stats): void {
  if (entry.isFile()) return
  const folder = statSync(dirname(path))
  const isShared = (folder.mode & 0o1002) === 0o1002
  const trusted = [process.geteuid?.(), folder.uid, Number(process.env.SUDO_UID)]
  if (!isShared || trusted.includes(entry.uid)) return
  throw new RemoraError('FORBIDDEN', `${path} was put there by another user`, {
    hint: 'Name a file in a folder of your own.',
  })
}

/** `/dev/stdout` and whatever else leads there. */
function isStandardOutput({ dev, ino }: Stats): boolean {
  const own = fstatSync(1)
  return own.dev === dev && own.ino === ino
}

function openPartial(path: string, onWritten?: (settlement: Settlement) => void): Output {
  const { fd, partial } = createPartial(path)
  let settled = false
  const settle = (action: () => void) => {
    if (settled) return
    settled = true
    try {
      action()
    } finally {
      closeWritten(fd)
    }
  }
  const discard = () => settle(() => rmSync(partial, { force: true }))
  return {
    fd,
    finish(whole) {
      const keep = () => settle(() => giveName(fd, partial, path, whole))
      if (onWritten === undefined) keep()
      else onWritten({ keep, discard })
    },
    discard,
  }
}

/** Names that are tried; all but the first cannot be foreseen, so nobody can put something there. */
const mostNames = 8

/**
 * Creates the file that grows: FILE.partial, or a name beside it where something else stands that is not ours to take away.
 * @throws RemoraError USAGE when another capture writes the same file
 */
function createPartial(path: string): { readonly fd: number; readonly partial: string } {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  for (let names = 1; ; names++) {
    const partial = `${path}.partial${names === 1 ? '' : `.${randomName()}`}`
    makeWay(path, partial)
    try {
      return { fd: openSync(partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), partial }
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || names === mostNames) throw cannotOpen(path, error)
    }
  }
}

/** Of the global object: importing node:crypto takes every capture 2 ms. */
function randomName(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex')
}

/** Takes away what is left of a capture that was killed; nothing else is touched. */
function makeWay(path: string, partial: string): void {
  const there = lookAt(partial, lstatSync)
  const isOurs = process.geteuid?.() === 0 || there?.uid === process.geteuid?.()
  if (!there?.isFile() || !isOurs) return
  if (isOpenSomewhere(partial)) {
    throw new RemoraError('USAGE', `another capture is writing ${path}`, {
      hint: 'Choose another file, or end that capture.',
    })
  }
  try {
    rmSync(partial, { force: true })
  } catch {
    // One that cannot be removed, such as an immutable one, stays: another name is taken.
  }
}

/** A file system of another machine tells of a failure when the file is closed, if not before (close(2)). */
function closeWritten(fd: number): void {
  try {
    closeSync(fd)
  } catch (error) {
    throw writeFailure(error)
  }
}

function giveName(fd: number, partial: string, path: string, whole: boolean): void {
  try {
    if (!whole) trimToWholeBlocks(fd)
    if (fstatSync(fd).size > 0) renameSync(partial, path)
    else rmSync(partial, { force: true })
  } catch (error) {
    throw new RemoraError(
      'CAPTURE_FAILED',
      `the packets are in ${partial}, but cannot be given their name: ${reasonOf(error)}`,
      { cause: error, hint: `Move them yourself: mv ${partial} ${path}` },
    )
  }
}

function openForWriting(path: string, flags: number): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    throw cannotOpen(path, error)
  }
}

function cannotOpen(path: string, error: unknown): RemoraError {
  return isFull(error) ? writeFailure(error) : cannotWrite(path, error)
}

function cannotWrite(path: string, cause: unknown): RemoraError {
  return new RemoraError('USAGE', `cannot write ${path}: ${reasonOf(cause)}`, {
    cause,
    hint: 'Name a file that this user may write, in a folder that is there.',
  })
}
