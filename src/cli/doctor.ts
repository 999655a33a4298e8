/** `remora doctor`: one line a check, and for each problem the command that mends it. */
import { errorKinds } from '../base/errors.ts'
import { printable, printableJson } from '../base/write.ts'
import { usualHost } from '../host/choose.ts'
import { checkInstallation } from '../setup/doctor.ts'
import { print } from './render/terminal.ts'

/** Prints all checks; the exit status is that of the first problem. */
export async function doctor({ json = false }: { json?: boolean }): Promise<void> {
  const host = await usualHost()
  const checks = (await Promise.all([host.check(process.env), checkInstallation()])).flat()
  if (json) print(`${printableJson(checks, 2)}\n`)
  else {
    for (const { ok, name, detail, fix } of checks) {
      print(`${ok ? 'ok  ' : 'BAD '} ${printable(name)}: ${printable(detail)}\n`)
      if (fix !== undefined) print(`     mend: ${printable(fix)}\n`)
    }
  }
  const problem = checks.find(({ ok }) => !ok)
  if (problem !== undefined) process.exitCode = errorKinds[problem.code ?? 'CAPTURE_FAILED'].exit
}
