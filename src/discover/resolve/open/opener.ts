/** The shape of the other half of a scheme: how targets that no engine tells of are opened. */
import { type NetworkNamespace, openNamespaceFile, openProcessNamespace } from '../../../linux/namespace/netns.ts'
import type { ProcessEntry } from '../../../linux/process/table.ts'
import { formatReference, type Reference, type SeveralMatches } from '../../../reference/reference.ts'
import type { FoundTarget } from './found.ts'

/** What an opener takes beside the reference. */
export interface OpenOptions {
  /** What becomes of several targets. */
  readonly match: SeveralMatches
  readonly signal: AbortSignal
}

/**
 * Opens the targets of a reference: one, unless several are meant and wanted.
 * @throws RemoraError TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STALE, FORBIDDEN, or USAGE for a file that is no namespace
 */
export type Opener<R> = (reference: R, options: OpenOptions) => FoundTarget[] | Promise<FoundTarget[]>

/** Opens a namespace that is mounted, or that a link leads to. */
export function openMount(reference: Reference, path: string, inode?: number): FoundTarget {
  const namespace = openNamespaceFile(path, inode)
  return { reference: formatReference(reference), name: path, type: 'bindmount', namespace }
}

/** Describes a namespace that was opened through a process. */
export function ofProcess(namespace: NetworkNamespace, command = 'process'): FoundTarget {
  const { pid = 0, startTime = 0 } = namespace.process ?? {}
  const reference = formatReference({ scheme: 'pid', pid, startTime })
  return { reference, name: `${command}(${pid})`, type: 'proc', namespace }
}

/** Opens the namespaces of processes that were seen, as long as they are those processes; all of them, or none stays open. */
export function openProcesses(
  processes: readonly Pick<ProcessEntry, 'pid' | 'startTime' | 'command' | 'netns'>[],
): FoundTarget[] {
  const opened: FoundTarget[] = []
  try {
    for (const { pid, startTime, command, netns } of processes)
      opened.push(ofProcess(openProcessNamespace(pid, { startTime, inode: netns }), command))
    return opened
  } catch (error) {
    for (const { namespace } of opened) namespace.close()
    throw error
  }
}
