/**
 * A command in each of many network namespaces. Starting a process from here costs more than the process itself, so xargs(1)
 * starts one for each descriptor; their outputs come one behind another.
 */
import { run } from '../programs/run.ts'
import { findTool, lookUpTool } from '../programs/tools.ts'
import type { NetworkNamespace } from './netns.ts'

/** Descriptors handed to one child; a limit of 256 open files is the least that is met. */
const batchSize = 64

/**
 * Splits what is to be read into even batches for {@link runInEach}.
 * @param atOnce batches that will be read at the same time
 */
export function batchesOf<T>(items: readonly T[], atOnce: number): T[][] {
  const count = Math.max(atOnce, Math.ceil(items.length / batchSize))
  const size = Math.max(1, Math.ceil(items.length / count))
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

/**
 * Whether a descriptor is all that is needed to enter a namespace. Whoever may enter others may enter his own anew, which costs
 * less than a process that is started from here.
 */
export function isSimple({ userFd }: NetworkNamespace): boolean {
  return userFd === undefined
}

/** Bytes that a batch may print. */
const maximumBatch = 16 * 1024 * 1024

/**
 * Runs a command in each of several {@link isSimple simple} namespaces.
 * @param file descriptor that the command finds at {@link fileFor}
 * @returns what they print, one behind another; undefined when not all of them succeed: then each is to be asked by itself
 * @throws the reason of the signal when that aborts
 */
export async function runInEach(
  namespaces: readonly NetworkNamespace[],
  command: readonly string[],
  { signal, file }: { readonly signal?: AbortSignal | undefined; readonly file?: number } = {},
): Promise<string | undefined> {
  const xargs = lookUpTool('xargs')
  if (xargs === undefined) return undefined
  const descriptors = [...namespaces.map(({ fd }) => fd), ...(file === undefined ? [] : [file])]
  const input = namespaces.map((_, index) => `${index + 3}\n`).join('')
  const entry = [findTool('nsenter'), '--net=/proc/self/fd/{}', '--']
  try {
    const options = { descriptors, input, signal, maximumOutput: maximumBatch }
    const { status, stdout } = await run([xargs, '-I', '{}', ...entry, ...command], options)
    return status === 0 ? stdout : undefined
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}

/** Where a command of {@link runInEach} finds its file. */
export function fileFor(namespaces: readonly NetworkNamespace[]): string {
  return `/proc/self/fd/${namespaces.length + 3}`
}

/**
 * Looks into many namespaces, in one batch where that can be done. A batch that is not answered in full, and a namespace that
 * needs more than a descriptor to be entered, is looked at one by one.
 * @returns in the order given, a failure in place of what could not be read
 * @throws the reason of the signal when that aborts
 */
export async function readMany<T>(
  namespaces: readonly NetworkNamespace[],
  readBatch: (simple: readonly NetworkNamespace[]) => Promise<readonly (T | Error)[]>,
  readOne: (namespace: NetworkNamespace) => Promise<T>,
  signal?: AbortSignal,
): Promise<(T | Error)[]> {
  const simple = namespaces.filter(isSimple)
  const answers = simple.length > 1 ? await readBatch(simple) : []
  const batched = new Map(
    answers.length === simple.length ? simple.map((namespace, at) => [namespace, answers[at]]) : [],
  )
  const found = await Promise.all(
    namespaces.map(namespace => batched.get(namespace) ?? readOne(namespace).catch((error: Error) => error)),
  )
  signal?.throwIfAborted()
  return found
}
