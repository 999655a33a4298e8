/**
 * Wireshark on a capture: it reads a fifo of ours, which has its name only until both ends are open. Wireshark is left
 * running when the capture ends, with the packets it has.
 */
import { join } from 'node:path'
import { isAbort } from '../base/abort.ts'
import { RemoraError } from '../base/errors.ts'
import { makeFifos } from '../linux/files/fifo.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from '../linux/files/temporary.ts'
import { spawnCommand, startFailure } from '../linux/programs/run.ts'
import { findTool } from '../linux/programs/tools.ts'
import type { RunContext, RunnableCapture } from './capture.ts'
import { type Output, openOutput } from './output/output.ts'
import type { CaptureReport } from './request/report.ts'

/** Characters of the name of many targets; a file name has 255 at most. */
const longestName = 100

/**
 * Starts Wireshark on a live capture.
 * @param prepare asked when there is a Wireshark to show it
 * @param profile name of the configuration profile that Wireshark uses
 * @returns undefined when asked to stop before the capture had begun
 * @throws RemoraError as a capture does, TOOL_MISSING without Wireshark
 */
export async function openInWireshark(
  prepare: () => Promise<RunnableCapture>,
  { lifetime, profile, env = process.env }: RunContext & { readonly profile?: string | undefined },
): Promise<CaptureReport | undefined> {
  const wireshark = findTool('wireshark', env)
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) {
    throw new RemoraError('USAGE', 'there is no display to show Wireshark on', {
      hint: 'From another machine: ssh HOST sudo remora capture TARGET -w - | wireshark -k -i -',
    })
  }
  try {
    // Refused before a window opens that would stay empty.
    const prepared = await prepare()
    try {
      return await prepared.run(await openWindow({ wireshark, profile, name: prepared.name, env }, lifetime.stop))
    } finally {
      prepared.close()
    }
  } catch (error) {
    if (isAbort(error, lifetime.stop)) return undefined
    throw error
  }
}

/** A window of Wireshark that is to be opened. */
interface Window {
  /** Path of the program. */
  readonly wireshark: string
  readonly profile: string | undefined
  /** What is captured, for the title. */
  readonly name: string
  readonly env: NodeJS.ProcessEnv
}

/** Starts Wireshark, and waits until it reads. */
async function openWindow(window: Window, signal: AbortSignal): Promise<Output> {
  const folder = makeTemporaryFolder()
  // Wireshark shows the name in its title.
  const title = window.name.replace(/[^\w.-]+/g, '_').slice(0, longestName)
  try {
    const fifo = join(folder, title)
    await makeFifos([fifo], window.env)
    return await Promise.race([openOutput({ kind: 'fifo', path: fifo }, signal), startWireshark(window, fifo)])
  } finally {
    removeTemporaryFolder(folder, [title])
  }
}

/** @returns a promise that only ever fails: when Wireshark cannot start, or ends before it reads */
function startWireshark({ wireshark, profile, name, env }: Window, fifo: string): Promise<never> {
  const chosen = profile === undefined ? [] : ['-C', profile]
  const command = [wireshark, ...chosen, '-k', '-i', fifo, '-N', 'n', '-o', `gui.window_title:${name} – remora`]
  const child = spawnCommand(command, { env, detached: true, stdio: 'ignore' })
  child.unref()
  const failure = new Promise<never>((_, reject) => {
    child.once('error', error => reject(startFailure(command, error)))
    child.once('exit', status =>
      reject(
        new RemoraError('CAPTURE_FAILED', `Wireshark ended at once (status ${status})`, {
          hint: 'Start wireshark by itself: it tells why.',
        }),
      ),
    )
  })
  failure.catch(() => {})
  return failure
}
