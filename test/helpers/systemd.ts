/** Units of systemd for tests, which no init has to be systemd for. */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, must, start, until } from './command.ts'

/** Where systemd has its groups: of its own in version 1 and in the mixed layout, else where all are. */
const hierarchies = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified'].filter(folder => existsSync(folder))
const roots = hierarchies.length > 0 ? hierarchies : ['/sys/fs/cgroup']

/** A group of a unit, as the manager of the system makes it. */
export interface UnitGroup {
  /** What stands before a command that runs in it. */
  readonly enter: readonly string[]
  /** Takes it away; its processes have ended. */
  close(): Promise<void>
}

/** Makes the group at a path such as `system.slice/web.service`. */
export function makeUnitGroup(path: string): UnitGroup {
  const made: string[] = []
  for (const root of roots)
    for (let at = 1; at <= path.split('/').length; at++) {
      const folder = join(root, path.split('/').slice(0, at).join('/'))
      if (existsSync(folder)) continue
      mkdirSync(folder)
      made.unshift(folder)
    }
  const enterGroups = roots.map(root => `echo $$ > ${join(root, path)}/cgroup.procs`).join(' && ')
  return {
    enter: ['sh', '-c', `${enterGroups} && exec "$@"`, 'sh'],
    async close() {
      for (const folder of made) await until(`${folder} is empty`, () => removed(folder))
    },
  }
}

function removed(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}

/** A real systemd that manages units of a user. */
export interface UserManager {
  /** Runs systemctl --user; its trimmed output. */
  systemctl(...args: string[]): Promise<string>
  close(): Promise<void>
}

/**
 * Starts a manager for units with these texts, by their names; needs root and systemd. It believes that the system was booted with
 * systemd, which it demands, in a mount namespace of its own.
 */
export async function startUserManager(uid: number, units: Readonly<Record<string, string>>): Promise<UserManager> {
  const folder = mkdtempSync(join(tmpdir(), 'remora-systemd-'))
  const runtime = join(folder, 'run')
  const unitFolder = join(folder, 'units')
  const booted = join(folder, 'booted')
  for (const made of [runtime, unitFolder, join(booted, 'system')]) mkdirSync(made, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(units)) writeFileSync(join(unitFolder, name), text)
  const group = makeUnitGroup(`user.slice/user-${uid}.slice/user@${uid}.service/init.scope`)
  mkdirSync('/run/systemd', { recursive: true })
  const env = { ...process.env, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: folder, SYSTEMD_UNIT_PATH: `${unitFolder}:` }
  const prepare = `mount --make-rprivate / && mount --bind ${booted} /run/systemd && exec /lib/systemd/systemd --user`
  const manager = start([...group.enter, 'unshare', '--mount', 'sh', '-c', prepare], { env, stdio: 'ignore' }, 300_000)
  const systemctl = (...args: string[]) =>
    must('env', `XDG_RUNTIME_DIR=${runtime}`, 'systemctl', '--user', ...args).then(output => output.trim())
  await until('the manager answers', () => existsSync(join(runtime, 'systemd/private')))
  return {
    systemctl,
    async close() {
      await systemctl('stop', ...Object.keys(units))
      await end(manager.child, 'SIGTERM')
      await group.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
