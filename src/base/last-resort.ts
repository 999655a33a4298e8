/**
 * The last resort: what nobody has caught ends the process with one line and a status of the registry, and its children with
 * it (children.ts); and a process whose work is over ends, whatever was left running.
 */
import { RemoraError, toRemoraError } from './errors.ts'
import { logFault } from './log.ts'
import { printable, writeFully } from './write.ts'

/** Milliseconds from the end of the work to the end of the process. */
const graceMs = 2_000

/** Installs the handlers of the process. */
export function installLastResort(): void {
  process.on('uncaughtException', endWith)
  process.on('unhandledRejection', endWith)
  // A file that may grow no larger is an error of the write then, and no end of the process (setrlimit(2), RLIMIT_FSIZE).
  process.on('SIGXFSZ', () => {})
}

/** Ends the process soon, if nothing that is left running lets it end by itself. */
export function endSoon(): void {
  globalThis.setTimeout(() => process.exit(), graceMs).unref()
}

function endWith(thrown: unknown): void {
  logFault(thrown)
  // The parts of the executable each have a class of that name.
  const isKnown = thrown instanceof Error && thrown.name === RemoraError.name
  const { code, message, hint, exit } = isKnown ? (thrown as RemoraError) : toRemoraError(thrown)
  writeFully(2, `${printable(`remora: ${code}: ${message}${hint === undefined ? '' : ` (${hint})`}`)}\n`)
  process.exit(exit)
}
