/**
 * The Wiresharks remora is tested against: the system's tshark, and newer ones in roots of their own (made by
 * scripts/wireshark-roots.sh). In a root, tshark and everything it starts see the host's processes, sockets and
 * namespaces, through mounts that vanish with it.
 */
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Result, type Running, run, start } from './command.ts'
import { environment } from './remora.ts'

export interface Wireshark {
  /** `4.0`, `4.4`, `4.6`. */
  readonly version: string
  tshark(args: readonly string[], home: string, env?: NodeJS.ProcessEnv): Promise<Result>
  startTshark(args: readonly string[], home: string, env?: NodeJS.ProcessEnv): Running
}

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'remora')
const roots = existsSync(cache) ? readdirSync(cache).filter(name => existsSync(join(cache, name, '.complete'))) : []

/** Mounts what is shared with the host, then enters the root; `$0` is the root, the rest the command. */
const enterRoot = `
for path in proc dev run tmp; do mount --rbind "/$path" "$0/$path"; done
mkdir -p "$0${resolve('.')}"; mount --bind "${resolve('.')}" "$0${resolve('.')}"
exec chroot "$0" "$@"`

function wireshark(version: string, prefix: readonly string[]): Wireshark {
  const options = (home: string, env: NodeJS.ProcessEnv) => ({ env: environment({ HOME: home, ...env }) })
  return {
    version,
    tshark: (args, home, env = {}) => run([...prefix, 'tshark', ...args], options(home, env)),
    startTshark: (args, home, env = {}) => start([...prefix, 'tshark', ...args], options(home, env)),
  }
}

async function describeRoot(name: string): Promise<Wireshark> {
  const prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', enterRoot, join(cache, name)]
  return wireshark(await versionOf(prefix), prefix)
}

async function versionOf(prefix: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run([...prefix, 'tshark', '--version'])
  const [, version] = /Wireshark\) (\d+\.\d+)/.exec(stdout) ?? []
  if (version === undefined) throw new Error(`tshark does not run: ${stderr}`)
  return version
}

/** Every Wireshark there is here; with --all, those of the roots must be among them. */
export const wiresharks: readonly Wireshark[] = [
  wireshark(await versionOf([]), []),
  ...(process.env.REMORA_TEST_ALL ? await Promise.all(roots.map(describeRoot)) : []),
]

/** What the Source and Destination columns show of the packets in a file, with names of addresses; each pair once. */
export async function shownNames(wireshark: Wireshark, file: string, ...options: string[]): Promise<Set<string>> {
  const columns = 'gui.column.format:"Number","%m","Source","%s","Destination","%d"'
  const args = ['-N', 'n', '-o', columns, '-r', file, ...options]
  const { status, stdout, stderr } = await wireshark.tshark(args, '/nonexistent')
  if (status !== 0) throw new Error(stderr)
  return new Set(Array.from(stdout.matchAll(/^ *\d+ +(\S+) \S+ (\S+)/gm), ([, from, to]) => `${from} ${to}`))
}
