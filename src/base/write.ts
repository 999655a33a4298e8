/**
 * Writing text for people and programs: all of it before going on, so that nothing is lost when the process ends right
 * after; straight to the descriptor, since touching process.stdout makes a pipe non-blocking for everyone who shares it,
 * dumpcap included.
 */
import { writeSync } from 'node:fs'
import { RemoraError, reasonOf, systemCode } from './errors.ts'
import { pause } from './pause.ts'

/** Milliseconds until a pipe that is full, and that somebody made non-blocking, is tried again. */
const retryInterval = 5

/**
 * Writes a text. That nobody reads any more (`remora list | head -1`) is no failure, nor is anything on standard error.
 * @throws RemoraError CAPTURE_FAILED when standard output cannot take it, such as a file on a disk that is full
 */
export function writeFully(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      const code = systemCode(error)
      if (code === 'EAGAIN') pause(retryInterval)
      else if (code === 'EPIPE' || fd === 2) return
      else
        throw new RemoraError('CAPTURE_FAILED', `cannot write to standard output: ${reasonOf(error)}`, {
          cause: error,
          hint: 'Make room where it leads to, or send it elsewhere.',
        })
    }
  }
}

/** Text without control characters: names on the host are nobody's to trust. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, '\uFFFD')
}

/** JSON without control characters, whose strings are read back as they were: JSON itself escapes those of ASCII only. */
export function printableJson(value: unknown, indent?: number): string {
  return escapeControls(JSON.stringify(value, null, indent))
}

/** The same for JSON that is text already. */
export function escapeControls(json: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return json.replace(/[\x7f-\x9f\p{Cf}\p{Co}]/gu, character => character.split('').map(escaped).join(''))
}
