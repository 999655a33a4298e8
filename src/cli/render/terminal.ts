/** The way to the terminal: text, failures, and what must not get there. */
import { isatty } from 'node:tty'
import type { RemoraError } from '../../base/errors.ts'
import { printable, writeFully } from '../../base/write.ts'

/** Writes text to standard output. */
export function print(text: string): void {
  writeFully(1, text)
}

/** Writes text to standard error. */
export function warn(text: string): void {
  writeFully(2, text)
}

/** Prints a failure: what happened, then what to do next; the stack only for a fault of remora's own. */
export function complain(error: RemoraError): void {
  warn(`remora: ${error.code}: ${printable(error.message)}\n`)
  if (error.hint !== undefined) warn(`hint: ${printable(error.hint)}\n`)
  if (error.code === 'BUG' && error.cause instanceof Error) warn(`${error.cause.stack}\n`)
}

/** Whether standard error is a terminal, so that a line on it can be updated. */
export function hasTerminal(): boolean {
  return isatty(2)
}
