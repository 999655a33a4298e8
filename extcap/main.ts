/**
 * Wireshark's face: one call is one step. Standard output carries sentences and nothing else; standard error stays empty
 * but for the one message a failed capture ends with, since Wireshark shows every byte of it as an error.
 */
import { toRemoraError } from '../src/base/errors.ts'
import { type Log, openLog, silentLog } from '../src/base/log.ts'
import { printable, writeFully } from '../src/base/write.ts'
import { signalLifetime } from '../src/capture/request/lifetime.ts'
import { parseExtcapCall, type Step, withoutSecrets } from './argv.ts'
import type { StepContext } from './step.ts'

/** Wireshark keeps the first kilobyte of standard error. */
const messageLimit = 1_000

/** Answers one call. */
export async function main(argv: readonly string[]): Promise<void> {
  process.removeAllListeners('warning')
  const { step, logFile, logLevel } = parseExtcapCall(argv)
  try {
    const log = usableLog(logFile, logLevel)
    log.debug(`called with ${JSON.stringify(withoutSecrets(argv))}`)
    await runStep(step, { log, write: text => writeFully(1, text) })
  } catch (thrown) {
    const error = toRemoraError(thrown)
    process.exitCode = error.exit
    const hint = error.hint === undefined ? '' : ` (${error.hint})`
    const message = `${error.code}: ${error.message}${hint}`.replace(/\s+/g, ' ')
    // Listings that fail print nothing: Wireshark passes their standard error to the user's terminal.
    if (step.step === 'capture') writeFully(2, `${Buffer.from(printable(message)).subarray(0, messageLimit)}\n`)
  }
}

/** A log that cannot be written must not cost Wireshark its interfaces. */
function usableLog(file: string | undefined, level: string | undefined): Log {
  try {
    return openLog(file, level)
  } catch {
    return silentLog
  }
}

async function runStep(step: Step, context: StepContext): Promise<void> {
  switch (step.step) {
    case 'interfaces':
      return (await import('./step-interfaces.ts')).printInterfaces(context)
    case 'dlts':
      return (await import('./step-dlts.ts')).printDlts(step.interface, context)
    case 'config':
      return (await import('./step-config.ts')).printConfig(step.interface, context)
    case 'reload':
      return (await import('./step-reload.ts')).printReload(step.interface, step.option, step.values, context)
    case 'filter':
      return (await import('./step-filter.ts')).printFilterCheck(step.filter, context)
    case 'capture': {
      // Before anything that takes time to load: Wireshark may have enough at once.
      const lifetime = signalLifetime()
      return (await import('./step-capture.ts')).capture(step, context, lifetime)
    }
    case 'cleanup':
      return (await import('./step-cleanup.ts')).cleanUp(context)
    case 'nothing':
      return
  }
}
