/**
 * Putting remora where Wireshark and people find it, and taking it away again. The plan is data; performing it is a loop;
 * then Wireshark itself is asked whether it sees the interface.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { configPaths, writeConfig } from '../base/config.ts'
import { RemoraError, reasonOf, systemCode } from '../base/errors.ts'
import { lookUpTool } from '../linux/programs/tools.ts'
import { type Action, isLinkTo, performAction, removal } from './action.ts'
import { type Folders, findFolders, isPackaged, type Scope } from './folders.ts'
import { planProfile, planProfileRemoval, profileAction } from './profile.ts'
import { programAction } from './program.ts'
import { runTool } from './run-tool.ts'
import { planService, planServiceRemoval } from './service.ts'
import { entryContent, entryPath, registerHandler } from './url-handler.ts'

/** What is to be installed. */
export interface InstallRequest {
  readonly scope: Scope
  /** A capture service for the whole machine too. */
  readonly service?: boolean
  /** Running containers listed as interfaces of their own; undefined: as it was. */
  readonly list?: number | undefined
}

/** Plans an installation; what a package of the system has installed for all stays as it is. */
export async function planInstall(request: InstallRequest, env: NodeJS.ProcessEnv = process.env): Promise<Action[]> {
  if (request.scope === 'system' && isPackaged()) return []
  const folders = await findFolders(request.scope, env)
  const program = programPath(folders)
  const own = links(folders).filter(to => !isForeignCommand(to, folders))
  return [
    programAction(program),
    ...additions(folders, own),
    ...planProfile(folders.profiles),
    ...(request.service ? [planService(program)] : []),
  ]
}

/** Plans what a package of the system installs. @param from path of the executable */
export function planPackage(from: string, folders: Folders): Action[] {
  return [
    { do: 'copy', from, to: programPath(folders) },
    ...additions(folders, links(folders)),
    ...folders.profiles.map(profileAction),
  ]
}

/** What goes beside the program: links to it, and the desktop entry. */
function additions(folders: Folders, paths: readonly string[]): Action[] {
  return [
    ...paths.map(to => ({ do: 'link', to, target: programPath(folders) }) as const),
    { do: 'write', to: entryPath(folders.applications), content: entryContent },
  ]
}

/** Plans to take away what an installation put there, and nothing else; a service is nothing without its program. */
export async function planUninstall(scope: Scope, env: NodeJS.ProcessEnv = process.env): Promise<Action[]> {
  if (scope === 'system' && isPackaged()) return []
  const folders = await findFolders(scope, env)
  const program = programPath(folders)
  return [
    ...links(folders)
      .filter(path => isLinkTo(path, program))
      .map(path => ({ do: 'remove', path }) as const),
    ...removal(entryPath(folders.applications)),
    ...planProfileRemoval(folders.profiles),
    ...removal(configPaths(env)[scope]),
    ...removal(folders.program),
    ...(scope === 'system' ? planServiceRemoval() : []),
  ]
}

/**
 * Performs an installation.
 * @returns what the desktop was told beyond the plan, in words
 * @throws RemoraError FORBIDDEN when a folder may not be written, USAGE when it cannot be
 */
export async function performInstall(
  actions: readonly Action[],
  { scope, list }: InstallRequest,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  changing(scope, () => {
    actions.forEach(performAction)
    if (list !== undefined) writeConfig(configPaths(env)[scope], { list })
  })
  // A package manager tells the desktop by itself.
  return actions.length === 0 ? [] : registerHandler((await findFolders(scope, env)).applications, env)
}

/**
 * Takes an installation away.
 * @throws RemoraError FORBIDDEN or USAGE when a folder cannot be changed
 */
export function performUninstall(actions: readonly Action[], scope: Scope): void {
  changing(scope, () => actions.forEach(performAction))
}

function changing(scope: Scope, change: () => void): void {
  try {
    change()
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    const denied = ['EACCES', 'EPERM', 'EROFS'].includes(code)
    throw new RemoraError(denied ? 'FORBIDDEN' : 'USAGE', `cannot change the installation: ${reasonOf(error)}`, {
      cause: error,
      hint:
        denied && scope === 'system'
          ? 'Run it with sudo, or install for this user only: --user.'
          : 'Mend that path, and try again.',
    })
  }
}

/**
 * Asks Wireshark's own list of interfaces for remora.
 * @returns whether it is there; undefined when there is no tshark to ask
 */
export async function isListedByTshark(env: NodeJS.ProcessEnv = process.env): Promise<boolean | undefined> {
  const tshark = lookUpTool('tshark', env)
  if (tshark === undefined) return undefined
  const { stdout } = await runTool([tshark, '-D'], 30_000, env)
  return /^\d+\. remora \(/m.test(stdout)
}

/** A command of that name that somebody else put on PATH stays; what is in an extcap folder is an older copy of ours. */
function isForeignCommand(path: string, folders: Folders): boolean {
  return dirname(path) === folders.commands && existsSync(path) && !isLinkTo(path, programPath(folders))
}

function programPath({ program }: Folders): string {
  return join(program, 'remora')
}

function links({ extcap, commands }: Folders): string[] {
  return [...extcap, commands].map(folder => join(folder, 'remora'))
}
