/**
 * Settings that `remora install` leaves behind for the runs that Wireshark starts, since Wireshark passes none.
 * One small JSON file: the user's own, else the system's. An unreadable one counts as empty: a listing must never fail.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { homeFolder } from './home.ts'

/** What can be set. */
export interface Config {
  /** How many running containers are listed as interfaces of their own, 0 to 64. */
  readonly list: number
}

const defaults: Config = { list: 8 }

/** Paths a configuration is read from, the first that exists counts. */
export function configPaths(env: NodeJS.ProcessEnv = process.env): { user: string; system: string } {
  const home = env.XDG_CONFIG_HOME || join(homeFolder(env), '.config')
  return { user: join(home, 'remora', 'config.json'), system: '/etc/remora/config.json' }
}

/** Reads the configuration; anything missing or malformed is its default. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const { user, system } = configPaths(env)
  return { ...defaults, ...(readSettings(user) ?? readSettings(system)) }
}

/**
 * Writes the configuration to a path of {@link configPaths}.
 * @throws Error of the system call when it cannot be written
 */
export function writeConfig(path: string, config: Config): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`)
}

function readSettings(path: string): Partial<Config> | undefined {
  try {
    const { list } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    return Number.isInteger(list) && Number(list) >= 0 && Number(list) <= 64 ? { list: Number(list) } : {}
  } catch {
    return undefined
  }
}
