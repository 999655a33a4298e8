/**
 * Writing text for people and programs: all of it before going on, so that nothing is lost when the process ends right
 * after; straight to the descriptor, since touching process.stdout makes a pipe non-blocking for everyone who shares it,
 * dumpcap included.
 */
import { writeSync } from 'node:fs'
import { systemCode } from './errors.ts'

/** Writes a text; that nobody reads any more (`remora list | head -1`) is no failure. */
export function writeFully(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') return
    }
  }
}

/** Text without control characters: names on the host are nobody's to trust. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, '\uFFFD')
}
