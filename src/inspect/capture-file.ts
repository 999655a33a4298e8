/**
 * Inspects a capture file: everything pcapng itself tells, without a look into the packets (draft-ietf-opsawg-pcapng), and
 * what the older pcap tells. What is of no use in it is passed over and told; a file that is cut off, still being written, or
 * broken in its middle is told of up to where it can be read.
 */
import { close, existsSync, open, read } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { RemoraError, reasonOf, systemCode } from '../base/errors.ts'
import { type PcapngReader, pcapngReader } from '../pcapng/read.ts'
import { isPcap, pcapFileReader } from '../pcapng/read-pcap.ts'
import type { PcapngRecord } from '../pcapng/records.ts'
import { nameOf, noPcapng, refuseForeign } from './foreign.ts'
import type { CaptureSummary } from './model.ts'
import { makeSummariser } from './summarise.ts'

/** Bytes read at once. */
const chunkSize = 1024 * 1024

/**
 * Reads a file to its end.
 * @param path `-` for standard input
 * @throws RemoraError USAGE when there is no such file or it is no capture file, FORBIDDEN when it may not be read; the
 *   signal's reason when it aborts
 */
export async function inspectCapture(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<CaptureSummary> {
  const fd = await openFile(path)
  const summariser = makeSummariser()
  try {
    const read = await readRecords(chunksOf(fd, path, signal), path, summariser.take)
    return { file: path, ...read, ...summariser.result() }
  } finally {
    if (path !== '-') await promisify(close)(fd)
  }
}

/** Hands over every record that can be read; returns how many bytes there were, and what is wrong with the end of them. */
async function readRecords(
  chunks: AsyncIterable<Buffer>,
  path: string,
  take: (record: PcapngRecord) => void,
): Promise<Pick<CaptureSummary, 'bytes' | 'cutOff' | 'broken'>> {
  let reader: PcapngReader = pcapngReader()
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      if (bytes === 0) reader = readerFor(path, chunk)
      bytes += chunk.length
      for (const record of reader.push(chunk)) take(record)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    if (reader.position() === 0) throw noPcapng(path, error.message)
    return { bytes, cutOff: undefined, broken: { at: reader.position(), reason: error.message } }
  }
  if (bytes === 0) refuseForeign(path, Buffer.alloc(0))
  return { bytes, cutOff: reader.pending() > 0 ? { bytes: reader.pending() } : undefined, broken: undefined }
}

/** The reader for a file that begins like this. */
function readerFor(path: string, start: Buffer): PcapngReader {
  if (isPcap(start)) return pcapFileReader()
  refuseForeign(path, start)
  return pcapngReader()
}

async function openFile(path: string): Promise<number> {
  if (path === '-') {
    if (isatty(0)) throw new RemoraError('USAGE', 'packets are not read from a terminal', { hint: nameIt })
    return 0
  }
  try {
    return await promisify(open)(path, 'r')
  } catch (error) {
    throw openFailure(path, error)
  }
}

const nameIt = 'Name a capture file, or - for what comes through a pipe.'

function openFailure(path: string, error: unknown): RemoraError {
  if (systemCode(error) === 'EACCES') {
    return new RemoraError('FORBIDDEN', `${path} may not be read by this user`, { hint: `sudo remora info ${path}` })
  }
  const partial = `${path}.partial`
  if (systemCode(error) === 'ENOENT') {
    const hint = existsSync(partial) ? `It is still being written: remora info ${partial}` : nameIt
    return new RemoraError('USAGE', `there is no file ${path}`, { hint })
  }
  return new RemoraError('USAGE', `cannot read ${path}: ${reasonOf(error)}`, { cause: error, hint: nameIt })
}

/** Chunks of a file, each good until the next is asked for, and full but for the last: a pipe gives few bytes at a time. */
async function* chunksOf(fd: number, path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(chunkSize)
  for (let filled = chunkSize; filled === chunkSize; ) {
    filled = 0
    while (filled < chunkSize) {
      const count = await readInto(fd, buffer.subarray(filled), path)
      if (count === 0) break
      filled += count
    }
    signal?.throwIfAborted()
    if (filled > 0) yield buffer.subarray(0, filled)
  }
}

async function readInto(fd: number, room: Buffer, path: string): Promise<number> {
  for (;;) {
    try {
      return (await promisify(read)(fd, room, 0, room.length, null)).bytesRead
    } catch (error) {
      if (systemCode(error) === 'EISDIR') throw new RemoraError('USAGE', `${path} is a directory`, { hint: nameIt })
      if (systemCode(error) !== 'EAGAIN') {
        throw new RemoraError('USAGE', `cannot read ${nameOf(path)}: ${reasonOf(error)}`, {
          cause: error,
          hint: nameIt,
        })
      }
      // Whoever shares this standard input has said that reads of it do not wait.
      await sleep(10)
    }
  }
}
