/** `remora install` and `remora uninstall`: say what is done, do it, prove it. */
import { RemoraError } from '../base/errors.ts'
import { describeAction } from '../setup/action.ts'
import type { Scope } from '../setup/folders.ts'
import { isListedByTshark, performInstall, performUninstall, planInstall, planUninstall } from '../setup/install.ts'
import { profileName } from '../setup/profile.ts'
import {
  endsService,
  forgetCommands,
  planServiceRemoval,
  startCommands,
  stopCommands,
  tellManager,
} from '../setup/service.ts'
import { print } from './render/terminal.ts'

interface InstallOptions {
  readonly user?: boolean
  readonly system?: boolean
  readonly service?: boolean
  readonly list?: string
  readonly dryRun?: boolean
}

/** Installs; fails when Wireshark does not list remora afterwards. */
export async function install(options: InstallOptions): Promise<void> {
  const request = { scope: scopeOf(options), list: listOf(options.list), service: options.service === true }
  const actions = await planInstall(request)
  for (const action of actions) print(`${describeAction(action)}\n`)
  if (request.list !== undefined) print(`list ${request.list} running containers as interfaces of their own\n`)
  if (options.dryRun) return
  printLines(await performInstall(actions, request))
  if (request.service) printLines(await tellManager(startCommands))
  const listed = await isListedByTshark()
  if (listed === undefined) print('installed; there is no tshark here that could be asked for proof\n')
  else if (listed) print('installed: tshark -D lists remora\n')
  else {
    throw new RemoraError('CAPTURE_FAILED', 'installed, but tshark -D does not list remora', {
      hint: 'remora doctor looks for the reason.',
    })
  }
  print(profileAdvice)
}

const profileAdvice = `In Wireshark, choose the profile ${profileName} (Edit > Configuration Profiles, or wireshark -C ${profileName}): names for addresses, and the tap of each packet.\n`

/** Takes away what install has put there; of a service only its unit, since the program may serve Wireshark too. */
export async function uninstall(options: InstallOptions): Promise<void> {
  const scope = scopeOf(options)
  const actions = options.service ? planServiceRemoval() : await planUninstall(scope)
  for (const action of actions) print(`${describeAction(action)}\n`)
  if (actions.length === 0) print('nothing is installed\n')
  if (options.dryRun) return
  const ending = endsService(actions)
  if (ending) printLines(await tellManager(stopCommands))
  performUninstall(actions, scope)
  if (ending) printLines(await tellManager(forgetCommands))
}

function printLines(lines: readonly string[]): void {
  for (const line of lines) print(`${line}\n`)
}

function scopeOf({ user, system, service, dryRun }: InstallOptions): Scope {
  const isRoot = process.geteuid?.() === 0
  if (user && (system || service)) {
    throw new RemoraError('USAGE', `--user and --${system ? 'system' : 'service'} exclude each other`)
  }
  if (service && !isRoot && !dryRun) {
    throw new RemoraError('FORBIDDEN', 'a service is for the whole machine, which is for root to change', {
      hint: 'Run it with sudo.',
    })
  }
  if (user) return 'user'
  return system || service || isRoot ? 'system' : 'user'
}

function listOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,2}$/.test(text) && Number(text) <= 64) return Number(text)
  throw new RemoraError('USAGE', `--list takes a number from 0 to 64, not "${text}"`)
}
