/** The command line: parses it, runs the command, and makes of a failure words and an exit status. */
import { CommanderError } from 'commander'
import { type RemoraError, toRemoraError } from '../base/errors.ts'
import { printError } from '../base/print-error.ts'
import { program } from './program.ts'

/**
 * Runs a command line to its exit status.
 * @param argv arguments behind the name of the program
 */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await program(argv).parseAsync(argv.length > 0 ? withOwnValues(argv) : ['--help'], { from: 'user' })
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? usageStatus(error) : failed(toRemoraError(error))
  }
}

/**
 * An optional value is given with an equals sign only, so that it does not swallow the target behind it. What stands behind
 * `--` is no option.
 */
function withOwnValues(argv: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  return argv.map((argument, index) => (index < end && argument === '--wait' ? '--wait=' : argument))
}

/** Commander's own refusals count as wrong usage; help and version are no failures. */
function usageStatus(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : 2
}

function failed(error: RemoraError): number {
  printError(error)
  return error.exit
}
