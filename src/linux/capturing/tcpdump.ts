/**
 * tcpdump in a network namespace, on one interface, in immediate mode: every packet is handed on when it comes, so the last
 * ones of an interface that goes away are not lost with a block that was never full. It has its price
 * (docs/internals/discoveries/2026-11-21-tcpdump-immediate.md). What comes out is pcap with nanoseconds (magic 0xa1b23c4d), in the
 * byte order of this machine.
 */
import { RemoraError } from '../../base/errors.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { nsenterFailure } from '../namespace/nsenter.ts'
import { findTool } from '../programs/tools.ts'
import { captureFailed, filterInvalid, interfaceDown, interfaceMissing, mayNotCapture } from './failure.ts'
import { type CaptureProcess, startCapturing } from './program.ts'
import { captureRights } from './rights.ts'
import { tcpdumpReader } from './tcpdump-output.ts'

/** What a tcpdump is told. */
export interface TcpdumpOptions {
  readonly interface: string
  /** What is opened in place of that name. */
  readonly device?: string | undefined
  /** Capture filter; empty for none. */
  readonly filter: string
  /** Bytes kept of each packet; undefined: all. */
  readonly snaplen?: number | undefined
  readonly promiscuous: boolean
  /** Kernel buffer, MiB. It holds a packet in each piece of the length of the longest, so a small snaplen makes it hold more. */
  readonly bufferSize: number
  /** Link type to ask for (`tcpdump -L`), where the interface has several. */
  readonly linkType?: string | undefined
}

/** All bytes of a packet: what libpcap takes at most (MAXIMUM_SNAPLEN). */
const wholePacket = 262_144

/**
 * The argument vector of a capture to standard output. `-Z root` leaves the user as it is: the rights were given up before,
 * and a change of user would undo the death signal. `-U` writes each packet at once. The filter is one argument behind `--`.
 */
export function tcpdumpArguments(options: TcpdumpOptions): string[] {
  const { filter, snaplen, promiscuous, bufferSize, linkType } = options
  return [
    ...[
      '-i',
      options.device ?? options.interface,
      '--immediate-mode',
      '-U',
      '-w',
      '-',
      '--time-stamp-precision=nano',
      '-n',
    ],
    ...['-s', String(snaplen ?? wholePacket), '-B', String(bufferSize * 1024), '-Z', 'root'],
    ...(promiscuous ? [] : ['-p']),
    ...(linkType === undefined ? [] : ['-y', linkType]),
    ...(filter === '' ? [] : ['--', filter]),
  ]
}

/**
 * Starts a capture in a network namespace. It ends at SIGINT with its counters; what the kernel has taken and tcpdump has not
 * read by then is counted as flushed.
 * @param output descriptor of a pipe or fifo, opened for blocking writes, that stays the caller's; or a pipe of ours. No file:
 *   tcpdump does not notice when one cannot be written.
 * @throws RemoraError TOOL_MISSING
 */
export function startTcpdump(
  namespace: NetworkNamespace,
  options: TcpdumpOptions,
  output: number | 'pipe',
): CaptureProcess {
  const command = [findTool('tcpdump'), ...tcpdumpArguments(options)]
  const reader = (onReady: () => void) => tcpdumpReader(options.interface, namespace.own, onReady)
  return startCapturing(namespace, { command, rights: captureRights(namespace), reader }, output)
}

/** What libpcap says of a filter it does not understand (gencode.c, nametoaddr.c); checkFilter asks before. */
const filterComplaint =
  /^(?:can't parse filter expression|expression rejects|unknown|illegal|invalid(?! data link)|mask length|non-network bits|.* supported (?:only|in))/

/**
 * The failure behind a complaint of tcpdump or of what started it.
 * @param options of that capture: tcpdump names neither filter nor interface
 */
export function tcpdumpFailure(
  complaint: string,
  { filter, interface: nif }: Pick<TcpdumpOptions, 'filter' | 'interface'>,
): RemoraError {
  const entering = nsenterFailure(complaint)
  if (entering !== undefined) return entering
  const text = complaint.replace(/^\w+: /, '')
  // ENODEV is of one that went after libpcap had found it (packet(7)).
  if (/No such device exists|: No such device(?: \(|$)/.test(text)) return interfaceMissing(nif)
  if (/That device is not up/.test(text)) return interfaceDown(nif)
  // Root may not set his groups in a namespace that an unprivileged user made (user_namespaces(7)), and tcpdump insists.
  if (/Couldn't change to/.test(text)) {
    return new RemoraError('FORBIDDEN', 'tcpdump cannot run in the user namespace of the target', {
      hint: 'Capture without --immediate: dumpcap can.',
    })
  }
  if (/do(?:n't| not) have permission|Operation not permitted/.test(text)) return mayNotCapture('tcpdump')
  if (filter !== '' && filterComplaint.test(text)) return filterInvalid(filter, nif, text)
  return captureFailed('tcpdump', text)
}
