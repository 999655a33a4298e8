/**
 * Where the packets go: a fifo of Wireshark's, standard output, or a file. Whatever it is, dumpcap gets a descriptor for
 * blocking writes. A file grows as FILE.partial and gets its name when the capture is over, also one that was cut short.
 */
import { closeSync, existsSync, fstatSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { isatty } from 'node:tty'
import { RemoraError, reasonOf } from '../base/errors.ts'
import { isPipe, openFifo, reopenPipe } from '../linux/fifo.ts'
import { trimToWholeBlocks } from './trim.ts'

export interface Output {
  readonly fd: number
  /** Name of the finished file, for the report. */
  readonly file?: string
  /**
   * Ends the output; called once, when nobody writes any more.
   * @param whole false when the writer broke off: half a block at the end is cut away
   */
  finish(whole: boolean): void
  /** Takes the output back: nothing worth keeping was written. */
  discard(): void
}

export type OutputRequest =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'fifo'; readonly path: string }

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
      return openFile(request.path, signal)
  }
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
  return isPipe(1) ? descriptorOutput(reopenPipe(1)) : descriptorOutput(1, true)
}

async function openFile(path: string, signal?: AbortSignal): Promise<Output> {
  const existing = existsSync(path) ? statSync(path) : undefined
  if (existing?.isDirectory())
    throw new RemoraError('USAGE', `${path} is a directory`, { hint: 'Name a file in it: -w FILE.' })
  if (existing?.isFIFO()) return descriptorOutput(await openFifo(path, fifoTimeout, signal))
  if (existing !== undefined && !existing.isFile()) return descriptorOutput(openForWriting(path, 'r+'))
  const partial = `${path}.partial`
  const fd = openForWriting(partial, 'w+')
  return {
    fd,
    file: path,
    finish(whole) {
      if (!whole) trimToWholeBlocks(fd)
      const { size } = fstatSync(fd)
      closeSync(fd)
      if (size > 0) renameSync(partial, path)
      else rmSync(partial, { force: true })
    },
    discard() {
      closeSync(fd)
      rmSync(partial, { force: true })
    },
  }
}

function openForWriting(path: string, flags: string): number {
  try {
    return openSync(path, flags, 0o600)
  } catch (error) {
    throw new RemoraError('USAGE', `cannot write ${path}: ${reasonOf(error)}`, { cause: error })
  }
}
