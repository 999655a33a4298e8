/**
 * nsenter(1) through descriptors: the namespaces are handed down as descriptors 3 and 4 and entered through
 * /proc/self/fd, so no name is looked up a second time.
 */
import { RemoraError } from '../../base/errors.ts'
import { type RunOptions, type RunResult, run } from '../programs/run.ts'
import { findTool } from '../programs/tools.ts'
import type { NetworkNamespace } from './netns.ts'

/** What a command needs to enter a namespace. */
export interface NamespaceEntry {
  /** What stands before the command; empty for the caller's own namespace. */
  readonly prefix: readonly string[]
  /** Descriptors the child must find at 3, 4 …. */
  readonly descriptors: readonly number[]
}

/**
 * How a command enters a network namespace.
 * @throws RemoraError TOOL_MISSING without nsenter, where it is needed
 */
export function namespaceEntry(namespace: NetworkNamespace, env: NodeJS.ProcessEnv = process.env): NamespaceEntry {
  if (namespace.own) return { prefix: [], descriptors: [] }
  const nsenter = findTool('nsenter', env)
  if (namespace.userFd === undefined) {
    return { prefix: [nsenter, '--net=/proc/self/fd/3', '--'], descriptors: [namespace.fd] }
  }
  return {
    prefix: [nsenter, '--user=/proc/self/fd/4', '--net=/proc/self/fd/3', '--preserve-credentials', '--'],
    descriptors: [namespace.fd, namespace.userFd],
  }
}

/**
 * Runs a command to its end in a network namespace.
 * @param command path of the program, and its arguments
 * @throws RemoraError TOOL_MISSING without nsenter, else as {@link run} does. That nsenter or the command failed is told by
 *   status and standard error ({@link nsenterFailure}).
 */
export async function runInNamespace(
  namespace: NetworkNamespace,
  command: readonly string[],
  options: Omit<RunOptions, 'descriptors'> = {},
): Promise<RunResult> {
  const { prefix, descriptors } = namespaceEntry(namespace)
  return run([...prefix, ...command], { ...options, descriptors })
}

/** The failure behind a message of nsenter; undefined when it is not one. */
export function nsenterFailure(stderr: string): RemoraError | undefined {
  const [, reason] = /^nsenter: (.*)$/m.exec(stderr) ?? []
  if (reason === undefined) return undefined
  if (/Invalid argument/.test(reason))
    return new RemoraError('USAGE', 'the target is a namespace, but no network namespace', {
      hint: 'Name one of the kind net, such as /proc/PID/ns/net.',
    })
  if (!/Operation not permitted|Permission denied/.test(reason)) {
    return new RemoraError('CAPTURE_FAILED', `cannot enter the network namespace: ${reason}`, {
      hint: 'remora doctor looks at what remora needs on this host.',
    })
  }
  return new RemoraError('FORBIDDEN', 'this user may not enter the network namespace of the target', {
    hint: 'Run the same command as root, with sudo; for Wireshark: sudo remora capture TARGET -w - | wireshark -k -i -',
  })
}
