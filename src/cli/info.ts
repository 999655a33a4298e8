/** `remora info`: what a capture file tells of itself, as text for people or as one object. */
import { RemoraError } from '../base/errors.ts'
import { printableJson } from '../base/write.ts'
import { inspectCapture } from '../inspect/capture-file.ts'
import { captureInfo } from './render/info.ts'
import { print } from './render/terminal.ts'

/** Prints what is in a file; of a broken one what could be read, and then it is a failure. */
export async function info(file: string, { json = false }: { json?: boolean }): Promise<void> {
  // A Ctrl-C in `remora capture … | remora info -` is for the capture: it ends, and with it what is read here.
  if (file === '-') process.once('SIGINT', () => {})
  const summary = await inspectCapture(file)
  print(json ? `${printableJson(summary, 2)}\n` : captureInfo(summary))
  if (summary.broken === undefined) return
  const { at, reason } = summary.broken
  const isPiped = file === '-'
  throw new RemoraError('USAGE', `${isPiped ? 'standard input' : file} is broken ${reason}`, {
    hint: isPiped ? undefined : `What stands before is good: head -c ${at} ${file} > repaired.pcapng`,
  })
}
