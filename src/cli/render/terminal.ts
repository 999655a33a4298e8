/**
 * The way to the terminal. Writes are synchronous, so nothing is lost when the process ends; and they go to the
 * descriptor, since touching process.stdout would make a pipe non-blocking for dumpcap too.
 */
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type RemoraError, systemCode } from '../../base/errors.ts'

/** Writes text to standard output. */
export function print(text: string): void {
  write(1, text)
}

/** Writes text to standard error. */
export function warn(text: string): void {
  write(2, text)
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

/** Text without control characters: names on the host are nobody's to trust. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, '\uFFFD')
}

/** A closed pipe (`remora list | head -1`) is no failure. */
function write(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') return
    }
  }
}
