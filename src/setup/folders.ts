/**
 * Where Wireshark looks for extcap programs. The personal folder moved in 4.2, the system's in 4.6, and each version looks
 * into one of them only; so remora goes into all.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { homeFolder } from '../base/home.ts'
import { lookUpTool } from '../linux/programs/tools.ts'
import { runTool } from './run-tool.ts'

/** For whom remora is installed. */
export type Scope = 'user' | 'system'

/** Absolute paths of the folders something is put into. */
export interface Folders {
  /** Extcap folders of every version. */
  readonly extcap: readonly string[]
  /** Folder of the program itself. */
  readonly program: string
  /** Folder on PATH that gets the command. */
  readonly commands: string
  /** Desktop entries (XDG desktop entry specification). */
  readonly applications: string
  /** Profiles of Wireshark. */
  readonly profiles: readonly string[]
}

/** Folders of a scope; for the system those of the Wireshark that is installed are asked for. */
export async function findFolders(scope: Scope, env: NodeJS.ProcessEnv = process.env): Promise<Folders> {
  return scope === 'user' ? userFolders(env) : systemFolders(env)
}

/** Folders of a user. */
export function userFolders(env: NodeJS.ProcessEnv): Folders {
  const home = homeFolder(env)
  const config = env.XDG_CONFIG_HOME || join(home, '.config')
  const data = env.XDG_DATA_HOME || join(home, '.local/share')
  return {
    extcap: [join(config, 'wireshark/extcap'), join(home, '.local/lib/wireshark/extcap')],
    program: join(data, 'remora'),
    commands: join(home, '.local/bin'),
    applications: join(data, 'applications'),
    profiles: [join(config, 'wireshark/profiles')],
  }
}

/** Profiles for all users, where distributions have them. */
export const systemProfiles = '/usr/share/wireshark/profiles'

/**
 * Folders of a package for the system.
 * @param library where the system keeps libraries of the package's architecture
 */
export function packagedFolders(library: string): Folders {
  return {
    extcap: extcapFolders(library),
    program: '/usr/lib/remora',
    commands: '/usr/bin',
    applications: '/usr/share/applications',
    profiles: [systemProfiles],
  }
}

/** Whether this program came with a package of the system, which alone changes what it put there. */
export function isPackaged(): boolean {
  return process.execPath.startsWith('/usr/lib/remora/')
}

function extcapFolders(library: string): string[] {
  return [join(library, 'wireshark/extcap'), '/usr/libexec/wireshark/extcap']
}

const multiarch: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

async function systemFolders(env: NodeJS.ProcessEnv): Promise<Folders> {
  const library =
    [`/usr/lib/${multiarch[process.arch]}`, '/usr/lib64', '/usr/lib'].find(path => existsSync(path)) ?? '/usr/lib'
  const reported = await reportedFolders(env)
  return {
    extcap: [...new Set([...reported.global, ...extcapFolders(library)])],
    program: '/usr/local/lib/remora',
    commands: '/usr/local/bin',
    applications: '/usr/local/share/applications',
    profiles: reported.profiles.length > 0 ? reported.profiles : [systemProfiles],
  }
}

/** Folders that the installed tshark says it looks into. */
export interface ReportedFolders {
  /** Extcap folders of the user; 4.0 tells of none. */
  readonly personal: readonly string[]
  /** Extcap folders of the system. */
  readonly global: readonly string[]
  /** Folders of profiles for all users. */
  readonly profiles: readonly string[]
}

/** Asks the installed tshark for its folders. */
export async function reportedFolders(env: NodeJS.ProcessEnv): Promise<ReportedFolders> {
  const tshark = lookUpTool('tshark', env)
  if (tshark === undefined) return { personal: [], global: [], profiles: [] }
  const { stdout } = await runTool([tshark, '-G', 'folders'], 20_000, env)
  const paths = (label: RegExp) =>
    stdout.split('\n').flatMap(line => {
      const [name = '', path = ''] = line.split('\t')
      return label.test(name) && path !== '' ? [path.trim()] : []
    })
  return {
    personal: paths(/^Personal Extcap path/i),
    global: paths(/^(?:Global )?Extcap path/i),
    profiles: paths(/^Global configuration/i).map(folder => join(folder, 'profiles')),
  }
}
