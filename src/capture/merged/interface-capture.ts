/**
 * One interface of one target in a woven stream: a dumpcap of its own. So no thread of dumpcap stands between the kernel and
 * its output, its packets are in the order of their time, and an interface that goes ends nothing but itself.
 */
import { closeSync } from 'node:fs'
import { release, type } from 'node:os'
import type { CapturedInterface } from '../../linux/capturing/device.ts'
import { type DumpcapOptions, dumpcapFailure, startDumpcap } from '../../linux/capturing/dumpcap.ts'
import type { CaptureProcess } from '../../linux/capturing/program.ts'
import { startTcpdump, tcpdumpFailure } from '../../linux/capturing/tcpdump.ts'
import type { LocalPipe } from '../../linux/files/fifo.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import { interfaceDescriptionBlock } from '../../pcapng/block.ts'
import { endingOf, failureOf } from '../output/termination.ts'
import { drainTime } from '../plan/plan.ts'
import type { InterfaceReport } from '../request/report.ts'
import type { Weave, WovenSource } from './merge.ts'
import type { SourceOptions } from './merge-input.ts'

/** How a source is told to end. */
export type Asked = 'drain' | 'interrupt' | 'kill'

/** How a source ended. */
export interface SourceEnd {
  readonly report: InterfaceReport
  /** Whether dumpcap ended by itself, with its statistics written. */
  readonly complete: boolean
  /** Its interface was removed. */
  readonly gone: boolean
  readonly failure: unknown
}

/** A source that captures. */
export interface RunningSource {
  readonly pid: number
  readonly name: string
  /** True when the capture is active; false when it ended before. */
  readonly ready: Promise<boolean>
  /** Settles when its last packet is in the stream; never fails. */
  readonly ended: Promise<SourceEnd>
  readonly woven: WovenSource
  /** Packets on their way are waited for. */
  drain(): void
  /** Nobody wants what is on its way. */
  interrupt(): void
  kill(): void
}

/** What a source is made of. */
export interface SourceRequest {
  readonly namespace: NetworkNamespace
  /** Of a dumpcap with one interface. */
  readonly options: DumpcapOptions
  /** Use tcpdump, which hands every packet on at once. */
  readonly immediate: boolean
  /** Between the two; the source's from now on. */
  readonly pipe: LocalPipe
  readonly weave: Weave
  readonly strand: SourceOptions
}

/** Milliseconds a packet of tcpdump in immediate mode may be on its way. */
const immediateTime = 20

/**
 * Starts the capture of an interface.
 * @throws RemoraError TOOL_MISSING
 */
export function startSource({ namespace, options, immediate, pipe, weave, strand }: SourceRequest): RunningSource {
  const [{ name, description, device, filter = options.filter, linkType }] = options.interfaces as [CapturedInterface]
  const shown = typeof strand.name === 'string' ? strand.name : name
  let dumpcap: CaptureProcess
  try {
    dumpcap = immediate
      ? startTcpdump(namespace, { ...options, interface: name, device, filter, linkType }, pipe.writer)
      : startDumpcap(namespace, options, pipe.writer)
  } catch (error) {
    closeSync(pipe.reader)
    throw error
  } finally {
    closeSync(pipe.writer)
  }
  const describe = (linkType: number, snaplen: number) =>
    interfaceDescriptionBlock({
      ...{ linkType, snaplen, name: shown, description, filter: options.filter },
      os: `${type()} ${release()}`,
    })
  const woven = weave.open({ fd: pipe.reader }, immediate ? { ...strand, describe } : strand)
  if (immediate) {
    dumpcap.ended.then(
      ({ messages }) => woven.conclude(messages.statistics[0]),
      () => woven.conclude(undefined),
    )
  }
  let armed = false
  dumpcap.ready.then(ready => {
    armed = ready
  })
  const ending = endingOf<Asked>(dumpcap, () => armed, immediate ? immediateTime : drainTime)
  const explain = (complaint: string) =>
    immediate ? tcpdumpFailure(complaint, { filter, interface: name }) : dumpcapFailure(complaint)
  return {
    pid: dumpcap.pid,
    name,
    ready: dumpcap.ready,
    ended: conclude(dumpcap, woven, shown, ending.reason, explain).finally(() => ending.done()),
    woven,
    drain: () => ending.drain('drain'),
    interrupt: () => ending.interrupt('interrupt'),
    kill: () => ending.kill('kill'),
  }
}

async function conclude(
  dumpcap: CaptureProcess,
  woven: WovenSource,
  name: string,
  asked: () => Asked | undefined,
  explain: (complaint: string) => unknown,
): Promise<SourceEnd> {
  const [process, stream] = await Promise.allSettled([dumpcap.ended, woven.done])
  if (process.status === 'rejected') return failed(name, woven, process.reason)
  const { status, messages } = process.value
  const [statistics] = messages.statistics
  return {
    // What was received and could not be written is lost.
    report: {
      ...{ name, received: woven.packets(), dropped: (statistics?.dropped ?? 0) + woven.lost() },
      ...(woven.cut() > 0 && { cut: woven.cut() }),
    },
    // tcpdump fails when its interface goes, with its counters told all the same.
    complete: status === 0 || messages.goneInterface !== undefined,
    gone: messages.goneInterface !== undefined,
    failure: stream.status === 'rejected' ? stream.reason : failureOf(process.value, asked() !== undefined, explain),
  }
}

function failed(name: string, woven: WovenSource, failure: unknown): SourceEnd {
  return { report: { name, received: 0, dropped: woven.lost() }, complete: false, gone: false, failure }
}
