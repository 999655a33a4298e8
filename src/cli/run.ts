/**
 * `remora run`: a command with a capture around it, for tests. The standard streams are the command's; what remora has to
 * say comes on standard error when the command has ended, a report in JSON too.
 */
import { resolve } from 'node:path'
import { RemoraError } from '../base/errors.ts'
import { openLog } from '../base/log.ts'
import { printError } from '../base/print-error.ts'
import { printable, printableJson } from '../base/write.ts'
import { type AroundResult, captureAround, type StartCapture } from '../capture/wrap.ts'
import { chooseHost } from '../host/choose.ts'
import { runCapture } from '../host/run.ts'
import { captureRequest, type TypedOptions } from './capture-request.ts'
import { runSummary } from './render/progress.ts'
import { warn } from './render/terminal.ts'

interface RunOptions extends TypedOptions {
  readonly capture: readonly string[]
  readonly write: string
  readonly onFailure?: boolean
  readonly json?: boolean
}

/** Runs a command; its exit status becomes that of the process. */
export async function run(command: readonly string[], options: RunOptions): Promise<void> {
  const { write, onFailure = false, json } = options
  if (write === '' || write === '-') throw needsFile()
  const result = await captureAround({ command, file: resolve(write), onFailure }, await startCapture(options))
  const { status, notRun, report, failure, kept } = result
  process.exitCode = status
  if (notRun !== undefined) warn(`remora: ${printable(notRun)}\n`)
  if (failure !== undefined) printError(failure)
  if (json) warn(`${printableJson(resultJson(result, resolve(write)))}\n`)
  else if (kept && report !== undefined) warn(runSummary(report, write))
}

async function startCapture(options: RunOptions): Promise<StartCapture> {
  const request = captureRequest(options.capture, options)
  const host = await chooseHost(options)
  const log = openLog()
  return (destination, context) => runCapture({ host, request }, destination, { ...context, log })
}

function needsFile(): RemoraError {
  return new RemoraError('USAGE', "the packets need a file, since standard output is the command's", {
    hint: 'Use -w FILE.',
  })
}

/** The report of the capture, where it did not break, and what came of all. */
function resultJson({ status, report, failure, kept }: AroundResult, file: string): Record<string, unknown> {
  const error = failure && { code: failure.code, message: failure.message, hint: failure.hint }
  return { ...report, ...(error && { error }), status, ...(kept && { file }) }
}
