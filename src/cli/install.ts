/** `remora install` and `remora uninstall`: say what is done, do it, prove it. */
import { RemoraError } from '../base/errors.ts'
import { describeAction } from '../setup/action.ts'
import type { Scope } from '../setup/folders.ts'
import { isListedByTshark, performInstall, performUninstall, planInstall, planUninstall } from '../setup/install.ts'
import { print } from './render/terminal.ts'

interface InstallOptions {
  readonly user?: boolean
  readonly system?: boolean
  readonly list?: string
  readonly dryRun?: boolean
}

/** Installs; fails when Wireshark does not list remora afterwards. */
export async function install(options: InstallOptions): Promise<void> {
  const request = { scope: scopeOf(options), list: listOf(options.list) }
  const actions = await planInstall(request)
  for (const action of actions) print(`${describeAction(action)}\n`)
  if (request.list !== undefined) print(`list ${request.list} running containers as interfaces of their own\n`)
  if (options.dryRun) return
  for (const line of await performInstall(actions, request)) print(`${line}\n`)
  const listed = await isListedByTshark()
  if (listed === undefined) print('installed; there is no tshark here that could be asked for proof\n')
  else if (listed) print('installed: tshark -D lists remora\n')
  else {
    throw new RemoraError('CAPTURE_FAILED', 'installed, but tshark -D does not list remora', {
      hint: 'remora doctor looks for the reason.',
    })
  }
}

/** Takes away what install has put there. */
export async function uninstall(options: InstallOptions): Promise<void> {
  const scope = scopeOf(options)
  const actions = await planUninstall(scope)
  for (const action of actions) print(`${describeAction(action)}\n`)
  if (actions.length === 0) print('nothing is installed\n')
  if (!options.dryRun) performUninstall(actions, scope)
}

function scopeOf({ user, system }: InstallOptions): Scope {
  if (user && system) throw new RemoraError('USAGE', '--user and --system exclude each other')
  if (user) return 'user'
  return system || process.geteuid?.() === 0 ? 'system' : 'user'
}

function listOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,2}$/.test(text) && Number(text) <= 64) return Number(text)
  throw new RemoraError('USAGE', `--list takes a number from 0 to 64, not "${text}"`)
}
