/**
 * One interface of one target in a woven stream: a dumpcap of its own. So no thread of dumpcap stands between the kernel and
 * its output, its packets are in the order of their time, and an interface that goes ends nothing but itself.
 */
import { closeSync } from 'node:fs'
import { type DumpcapOptions, type DumpcapProcess, startDumpcap } from '../linux/dumpcap.ts'
import type { LocalPipe } from '../linux/fifo.ts'
import type { NetworkNamespace } from '../linux/netns.ts'
import { endingOf, failureOf } from './ending.ts'
import type { InterfaceReport } from './report.ts'
import type { SourceOptions, Weave, WovenSource } from './weave.ts'

/** Why a source was told to end. */
type Asked = 'drain' | 'interrupt' | 'kill'

export interface SourceEnd {
  readonly report: InterfaceReport
  /** Whether dumpcap ended by itself, with its statistics written. */
  readonly complete: boolean
  /** Its interface was removed. */
  readonly gone: boolean
  readonly failure: unknown
}

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

/**
 * Starts the capture of an interface.
 * @param options of a dumpcap with one interface
 * @param pipe between the two, the source's from now on
 * @throws RemoraError TOOL_MISSING
 */
export function startSource(
  namespace: NetworkNamespace,
  options: DumpcapOptions,
  pipe: LocalPipe,
  weave: Weave,
  strand: SourceOptions,
): RunningSource {
  let dumpcap: DumpcapProcess
  try {
    dumpcap = startDumpcap(namespace, options, pipe.writer)
  } catch (error) {
    closeSync(pipe.reader)
    throw error
  } finally {
    closeSync(pipe.writer)
  }
  const [{ name }] = options.interfaces as [DumpcapOptions['interfaces'][number]]
  const woven = weave.open({ fd: pipe.reader }, strand)
  let armed = false
  dumpcap.ready.then(ready => {
    armed = ready
  })
  const ending = endingOf<Asked>(dumpcap, () => armed)
  return {
    pid: dumpcap.pid,
    name,
    ready: dumpcap.ready,
    ended: conclude(dumpcap, woven, strand.name ?? name, ending.reason).finally(() => ending.done()),
    woven,
    drain: () => ending.drain('drain'),
    interrupt: () => ending.interrupt('interrupt'),
    kill: () => ending.kill('kill'),
  }
}

async function conclude(
  dumpcap: DumpcapProcess,
  woven: WovenSource,
  name: string,
  asked: () => Asked | undefined,
): Promise<SourceEnd> {
  const [process, stream] = await Promise.allSettled([dumpcap.ended, woven.done])
  if (process.status === 'rejected') return failed(name, woven, process.reason)
  const { status, messages } = process.value
  const [statistics] = messages.statistics
  const { received = 0, dropped = 0 } = statistics ?? {}
  return {
    report: { name, received, dropped: dropped + woven.lost() },
    complete: status === 0,
    gone: messages.goneInterface !== undefined,
    failure: stream.status === 'rejected' ? stream.reason : failureOf(process.value, asked() !== undefined),
  }
}

function failed(name: string, woven: WovenSource, failure: unknown): SourceEnd {
  return { report: { name, received: 0, dropped: woven.lost() }, complete: false, gone: false, failure }
}
