/**
 * A machine of its own that systemd boots (systemd-nspawn(1)), with the programs of this one: the only place where a unit
 * can be tried as the service manager runs it. It boots into the units given, and is over when `last.service` is.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run } from './command.ts'
import { scratch } from './scratch.ts'

export interface Machine {
  /** Units and drop-ins, by their path below /etc/systemd/system. */
  readonly units: Readonly<Record<string, string>>
  /** Programs that are put into /opt. */
  readonly programs: readonly string[]
}

const folders = ['etc', 'usr', 'proc', 'sys', 'dev', 'root', 'opt', 'run', 'tmp', 'var/tmp', 'var/log', 'results']
const shared = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc/alternatives']

const files: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n',
  'etc/group': 'root:x:0:\nwireshark:x:120:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files systemd\ngroup: files systemd\nhosts: files\n',
  'etc/machine-id': '',
  'etc/os-release': 'ID=test\n',
}

/** Boots the machine, and waits until it is over; reads what the units wrote into /results. */
export async function boot({ units, programs }: Machine): Promise<(file: string) => string> {
  const root = scratch()
  chmodSync(root, 0o755)
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true })
  for (const [path, content] of Object.entries(files)) write(path, content)
  for (const [path, content] of Object.entries({ ...units, ...ending }))
    write(join('etc/systemd/system', path), content)
  for (const program of programs) copyFileSync(program, join(root, 'opt', basename(program)))
  const options = ['--register=no', '--keep-unit', '--private-network', '--console=pipe', '--capability=CAP_NET_ADMIN']
  const binds = shared.map(path => `--bind-ro=${path}`)
  const machine = ['-D', root, '-M', `rt-boot-${process.pid}`]
  const { stderr } = await run(
    ['systemd-nspawn', ...machine, ...options, ...binds, '-b', 'systemd.unit=all.target'],
    {},
    60_000,
  )
  return file => {
    try {
      return readFileSync(join(root, 'results', file), 'utf8')
    } catch {
      throw new Error(`the machine wrote no ${file}: ${stderr}`)
    }
  }
}

const ending = {
  'all.target': '[Unit]\nWants=end.service systemd-journald.service\n',
  'end.service': `[Unit]
Wants=last.service
After=last.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'journalctl --no-pager -b >/results/journal 2>&1'
ExecStopPost=/usr/bin/systemctl --force --force poweroff
`,
}
