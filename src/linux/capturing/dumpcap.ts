/**
 * dumpcap in a network namespace, writing to a descriptor of ours.
 *
 * Never to a name: after a failed start dumpcap unlinks its `-w` target, even a device node.
 */
import { RemoraError } from '../../base/errors.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { nsenterFailure, runInNamespace } from '../namespace/nsenter.ts'
import { run } from '../programs/run.ts'
import { findTool } from '../programs/tools.ts'
import { type CapturedInterface, withoutColon } from './device.ts'
import { dumpcapReader } from './dumpcap-output.ts'
import {
  captureFailed,
  filterInvalid,
  interfaceDown,
  interfaceMissing,
  interfaceWentDown,
  mayNotCapture,
} from './failure.ts'
import { type CaptureProcess, startCapturing } from './program.ts'

export type { CaptureEnd as DumpcapEnd, CaptureProcess as DumpcapProcess } from './program.ts'

/** What a dumpcap is told. */
export interface DumpcapOptions {
  readonly interfaces: readonly CapturedInterface[]
  /** Capture filter; empty for none. */
  readonly filter: string
  /** Bytes kept of each packet; undefined: all. */
  readonly snaplen?: number | undefined
  readonly promiscuous: boolean
  /** Kernel buffer of each interface, MiB. */
  readonly bufferSize: number
  /** Bytes that may wait inside dumpcap when it captures on several interfaces. */
  readonly queueSize: number
  /** Section comment. */
  readonly comment: string
  /** Values of `-a`: `duration:SECONDS`, `packets:NUMBER`, `filesize:KIB`. */
  readonly stopConditions: readonly string[]
  /** Count packets on standard error while capturing. */
  readonly counting: boolean
}

/**
 * The argument vector of a capture to standard output. `-f`, `-s`, `-p` and `-B` stand before the first `-i`: there they
 * hold for every interface, behind it only for the one before them. Several interfaces make dumpcap use a thread each
 * and a queue between them, whose default of 1,000 packets overflows at once; `-N` and `-C` raise it. On a single
 * interface they must be absent, since they would switch the threads on.
 */
export function dumpcapArguments(options: DumpcapOptions): string[] {
  const threads = options.interfaces.length > 1
  return [
    ...(options.counting ? [] : ['-q']),
    ...['-w', '-'],
    ...(options.filter === '' ? [] : ['-f', options.filter]),
    ...(options.snaplen === undefined ? [] : ['-s', String(options.snaplen)]),
    ...(options.promiscuous ? [] : ['-p']),
    ...['-B', String(options.bufferSize)],
    ...(threads ? ['-N', '10000000', '-C', String(options.queueSize)] : []),
    ...['--capture-comment', options.comment],
    ...options.stopConditions.flatMap(condition => ['-a', condition]),
    ...options.interfaces.flatMap(nif => [...interfaceArguments(nif), ...['--ifdescr', nif.description]]),
  ]
}

type OpenedInterface = Omit<CapturedInterface, 'description'>

/** What is opened, under its own name in the capture. A filter behind `-i` is that of the interface alone. */
function interfaceArguments({ name, device = name, filter, linkType }: OpenedInterface): string[] {
  return [
    ...['-i', device],
    ...(device === name ? [] : ['--ifname', name]),
    ...(linkType === undefined ? [] : ['-y', linkType]),
    ...(filter === undefined ? [] : ['-f', filter]),
  ]
}

/** Bytes of a capture filter; libpcap takes minutes for much longer ones. */
const longestFilter = 16_384

/**
 * Compiles a capture filter for every interface, as the capture itself would, and shows in passing that the interfaces
 * may be opened. dumpcap reports a bad filter with exit status 0, so its words decide.
 * @returns the programs as dumpcap prints them, one behind another
 * @throws RemoraError FILTER_INVALID, FORBIDDEN, INTERFACE_NOT_FOUND, TOOL_MISSING or CAPTURE_FAILED
 */
export async function checkFilter(
  namespace: NetworkNamespace,
  filter: string,
  interfaces: readonly OpenedInterface[],
  signal?: AbortSignal,
): Promise<string> {
  if (Buffer.byteLength(filter) > longestFilter) {
    throw new RemoraError('FILTER_INVALID', `the capture filter is longer than ${longestFilter} bytes`, {
      hint: 'Use net or portrange in place of long lists, or a display filter afterwards.',
    })
  }
  // An argument ends there, and node refuses it.
  if (filter.includes('\0')) throw new RemoraError('FILTER_INVALID', 'the capture filter contains a NUL character')
  const filterArguments = filter === '' ? [] : ['-f', filter]
  const command = [findTool('dumpcap'), '-d', ...filterArguments, ...interfaces.flatMap(interfaceArguments)]
  const { stdout, stderr } = await runInNamespace(namespace, command, { signal })
  const reader = dumpcapReader()
  reader.push(stderr)
  reader.end()
  const { complaint } = reader.messages()
  if (complaint !== undefined) throw dumpcapFailure(complaint)
  return stdout
}

let version: Promise<string | undefined> | undefined

/** Version of dumpcap, `4.0.17`; asked for until it has told once, and undefined while it does not. */
export function readDumpcapVersion(signal?: AbortSignal): Promise<string | undefined> {
  version ??= run([findTool('dumpcap'), '--version'], { signal }).then(
    ({ stdout }) => /^Dumpcap \(Wireshark\) (\d[\w.-]*)/m.exec(stdout)?.[1],
    () => {
      // Whoever asked first may have been told to stop; the next one was not.
      version = undefined
      return undefined
    },
  )
  return version
}

/**
 * Starts a capture in a network namespace.
 * @param output descriptor of a pipe, fifo or file, opened for blocking writes, that stays the caller's; or a pipe of ours
 * @throws RemoraError TOOL_MISSING
 */
export function startDumpcap(
  namespace: NetworkNamespace,
  options: DumpcapOptions,
  output: number | 'pipe',
): CaptureProcess {
  const command = [findTool('dumpcap'), ...dumpcapArguments(options)]
  // libpcap reads what a driver has dropped from /sys, which shows the interfaces of its own network (pcap-linux.c).
  const reader = (onReady: () => void) => dumpcapReader(onReady, namespace.own)
  return startCapturing(namespace, { command, reader }, output)
}

/** The failure behind a complaint of dumpcap or of what started it. */
export function dumpcapFailure(complaint: string): RemoraError {
  const entering = nsenterFailure(complaint)
  if (entering !== undefined) return entering
  const text = complaint.replace(/^\w+: /, '')
  // Looked for at one place only: a filter may say the same words over and over.
  const [, filter, nif, reason] =
    /^Invalid capture filter "(.*)" for interface '(.*?)'.*?(?:\((.*)\)\.|$)/.exec(
      text.slice(Math.max(0, text.indexOf('Invalid capture filter'))),
    ) ?? []
  if (filter !== undefined) return filterInvalid(filter, withoutColon(nif ?? ''), reason)
  const [, missing] = /There is no device named "(.*?)"/.exec(text) ?? []
  if (missing !== undefined) return interfaceMissing(withoutColon(missing))
  // It went after libpcap had found it (packet(7), ENODEV).
  const [, gone] = /on capture device "(.*?)"\. \(.*: No such device\)/.exec(text) ?? []
  if (gone !== undefined) return interfaceMissing(withoutColon(gone))
  const [, down] = /Device "(.*?)" is not up/.exec(text) ?? []
  if (down !== undefined) return interfaceDown(withoutColon(down))
  if (/changing filter: Network is down/.test(text)) return interfaceWentDown()
  if (/do(?:n't| not) have permission|Operation not permitted/.test(text)) return mayNotCapture('dumpcap')
  if (/no space left/i.test(text)) return diskFull()
  return captureFailed('dumpcap', text)
}

/** The failure of a capture that ran out of space. */
export function diskFull(reason = 'the disk is full'): RemoraError {
  return new RemoraError('CAPTURE_FAILED', `${reason}: not all packets could be written`, {
    hint: 'What was written up to then is kept. Free some space, or write to another file system.',
  })
}
