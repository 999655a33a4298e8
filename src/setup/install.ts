/**
 * Putting remora where Wireshark and people find it, and taking it away again. The plan is data; performing it is a loop;
 * then Wireshark itself is asked whether it sees the interface.
 */
import { dirname, join } from 'node:path'
import { configPaths, writeConfig } from '../base/config.ts'
import { RemoraError, reasonOf, systemCode } from '../base/errors.ts'
import { run } from '../linux/run.ts'
import { lookUpTool } from '../linux/tools.ts'
import { type Action, isLinkTo, performAction, removal } from './action.ts'
import { type Folders, findFolders, type Scope } from './folders.ts'
import { programAction } from './program.ts'
import { entryContent, entryPath, registerHandler } from './url-handler.ts'

export interface InstallRequest {
  readonly scope: Scope
  /** Running containers listed as interfaces of their own; undefined: as it was. */
  readonly list?: number | undefined
}

/** Plans an installation. */
export async function planInstall(request: InstallRequest, env: NodeJS.ProcessEnv = process.env): Promise<Action[]> {
  const folders = await findFolders(request.scope, env)
  const program = programPath(folders)
  return [
    programAction(program),
    ...links(folders).map(to => ({ do: 'link', to, target: program }) as const),
    { do: 'write', to: entryPath(folders.applications), content: entryContent },
  ]
}

/** Plans to take away what an installation put there, and nothing else. */
export async function planUninstall(scope: Scope, env: NodeJS.ProcessEnv = process.env): Promise<Action[]> {
  const folders = await findFolders(scope, env)
  const program = programPath(folders)
  return [
    ...links(folders)
      .filter(path => isLinkTo(path, program))
      .map(path => ({ do: 'remove', path }) as const),
    ...removal(entryPath(folders.applications)),
    ...removal(dirname(configPaths(env)[scope])),
    ...removal(folders.program),
  ]
}

/**
 * Performs a plan.
 * @returns what the desktop was told beyond it, in words
 * @throws RemoraError FORBIDDEN when a folder may not be written
 */
export async function performPlan(
  actions: readonly Action[],
  { scope, list }: InstallRequest,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  try {
    actions.forEach(performAction)
    if (list !== undefined) writeConfig(configPaths(env)[scope], { list })
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) throw error
    throw new RemoraError('FORBIDDEN', `cannot change the installation: ${reasonOf(error)}`, {
      cause: error,
      hint:
        scope === 'system'
          ? 'Run it with sudo, or install for this user only: --user.'
          : 'Mend the rights of that folder.',
    })
  }
  return registerHandler((await findFolders(scope, env)).applications, env)
}

/**
 * Asks Wireshark's own list of interfaces for remora.
 * @returns whether it is there; undefined when there is no tshark to ask
 */
export async function isListedByTshark(env: NodeJS.ProcessEnv = process.env): Promise<boolean | undefined> {
  const tshark = lookUpTool('tshark', env)
  if (tshark === undefined) return undefined
  const { stdout } = await run([tshark, '-D'], { env, timeout: 30_000 })
  return /^\d+\. remora \(/m.test(stdout)
}

function programPath({ program }: Folders): string {
  return join(program, 'remora')
}

function links({ extcap, commands }: Folders): string[] {
  return [...extcap, commands].map(folder => join(folder, 'remora'))
}
