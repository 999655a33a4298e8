/**
 * The capture service of a machine: its unit, and telling the service manager about it. That is asked only where it is
 * the first process (sd_booted(3)); anywhere else the commands are for whoever reads them.
 */
import { existsSync } from 'node:fs'
import { RemoraError } from '../base/errors.ts'
import { readText } from '../linux/process/proc.ts'
import { findTool } from '../linux/programs/tools.ts'
import { type Action, removal } from './action.ts'
import { runTool } from './run-tool.ts'
import { serviceUnit } from './service-unit.ts'

const unitPath = '/etc/systemd/system/remora.service'

/** Members of this group may capture by Debian's custom, so they may use the socket. */
const customaryGroup = 'wireshark'

/** Plans the unit of an installed program. */
export function planService(program: string, groups = '/etc/group'): Action {
  const exists = new RegExp(`^${customaryGroup}:`, 'm').test(readText(groups) ?? '')
  const content = serviceUnit({ program, group: exists ? customaryGroup : undefined })
  return { do: 'write', to: unitPath, content }
}

/** Plans to take the unit away. */
export function planServiceRemoval(path = unitPath): Action[] {
  return removal(path)
}

/** Whether a plan takes a service away. */
export function endsService(actions: readonly Action[]): boolean {
  return actions.some(action => action.do === 'remove' && action.path === unitPath)
}

/** Commands that bring a new or changed unit into effect. */
export const startCommands = ['systemctl daemon-reload', 'systemctl enable remora', 'systemctl restart remora']

/** Commands before the unit goes. */
export const stopCommands = ['systemctl disable --now remora']
/** Commands after the unit has gone. */
export const forgetCommands = ['systemctl daemon-reload']

/**
 * Runs commands of the service manager, where there is one.
 * @returns the commands, in words: run, or to be run
 * @throws RemoraError CAPTURE_FAILED with what the service manager said
 */
export async function tellManager(commands: readonly string[], booted = isBooted()): Promise<string[]> {
  if (!booted) return [`to be run where systemd is: ${commands.join(' && ')}`]
  for (const command of commands) {
    const [, ...args] = command.split(' ')
    const { failed, said } = await runTool([findTool('systemctl'), ...args], 60_000)
    if (!failed) continue
    throw new RemoraError('CAPTURE_FAILED', `${command} failed: ${said}`, {
      hint: 'journalctl -u remora tells more.',
    })
  }
  return [...commands]
}

function isBooted(): boolean {
  return existsSync('/run/systemd/system')
}
