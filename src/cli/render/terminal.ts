/** The way to the terminal. */
import { isatty } from 'node:tty'
import { writeFully } from '../../base/write.ts'

/** Writes text to standard output. */
export function print(text: string): void {
  writeFully(1, text)
}

/** Writes text to standard error. */
export function warn(text: string): void {
  writeFully(2, text)
}

/** Whether standard error is a terminal, so that a line on it can be updated. */
export function hasTerminal(): boolean {
  return isatty(2)
}
