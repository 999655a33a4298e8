/**
 * The log: off unless a file was named, since Wireshark shows every byte of an extcap's standard error as an error and
 * parses its standard output. Lines are appended synchronously, so the last one before a crash is in the file.
 */
import { appendFileSync } from 'node:fs'
import { RemoraError, reasonOf } from './errors.ts'
import { redact } from './redact.ts'
import { printable } from './write.ts'

/** Levels of a log, the most important first. */
const logLevels = ['error', 'warning', 'info', 'debug'] as const
/** A level. */
type LogLevel = (typeof logLevels)[number]

/** A log: one line a call, from the most important to the least. */
export interface Log {
  error(message: string): void
  warning(message: string): void
  info(message: string): void
  debug(message: string): void
}

const ignore = () => {}

/** A log that keeps nothing. */
export const silentLog: Log = { error: ignore, warning: ignore, info: ignore, debug: ignore }

/** Wireshark's own names of levels (wsutil/wslog.c) that differ from ours. */
const foreignLevels: Record<string, LogLevel> = { noisy: 'debug', message: 'info', critical: 'error', trace: 'debug' }

/**
 * Opens a log.
 * @param file path the lines are appended to; nothing is logged without one
 * @param level least important level that is written, one of {@link logLevels} or of Wireshark's names
 * @throws RemoraError USAGE when the level is unknown or the file cannot be written
 */
export function openLog(file = process.env.REMORA_LOG_FILE, level = process.env.REMORA_LOG_LEVEL ?? 'info'): Log {
  if (file === undefined || file === '') return silentLog
  const threshold = logLevels.indexOf(foreignLevels[level] ?? (level as LogLevel))
  if (threshold < 0) {
    throw new RemoraError('USAGE', `unknown log level "${level}"`, { hint: `Use one of ${logLevels.join(', ')}.` })
  }
  const writer = (name: LogLevel) => {
    if (logLevels.indexOf(name) > threshold) return ignore
    return (message: string) => {
      try {
        appendFileSync(file, `${new Date().toISOString()} ${process.pid} ${name} ${printable(redact(message))}\n`, {
          mode: 0o600,
        })
      } catch {
        // A full disk must not end a capture for its log.
      }
    }
  }
  try {
    appendFileSync(file, '', { mode: 0o600 })
  } catch (error) {
    throw new RemoraError('USAGE', `cannot write the log file ${file}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Name a file that this user may write, in a folder that is there.',
    })
  }
  return { error: writer('error'), warning: writer('warning'), info: writer('info'), debug: writer('debug') }
}

/** Writes a fault into the log that the environment names, if it names one. */
export function logFault(thrown: unknown): void {
  try {
    openLog().error(`fault: ${thrown instanceof Error ? thrown.stack : thrown}`)
  } catch {
    // What went wrong goes on as it would without a log.
  }
}
