/** A failure in words, on standard error: what happened, then what to do next. */
import type { RemoraError } from './errors.ts'
import { redact } from './redact.ts'
import { printable, writeFully } from './write.ts'

/** Prints a failure; the stack only for a fault of remora's own. */
export function printError(error: RemoraError): void {
  writeFully(2, `remora: ${error.code}: ${printable(error.message)}\n`)
  if (error.hint !== undefined) writeFully(2, `hint: ${printable(error.hint)}\n`)
  if (error.code === 'BUG' && error.cause instanceof Error) {
    for (const line of error.cause.stack?.split('\n') ?? []) writeFully(2, `${printable(redact(line))}\n`)
  }
}
