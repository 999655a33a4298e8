/** Engines in containers, and containers without an engine: Docker in Docker, LXC, systemd-nspawn. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { packetsOf } from '../helpers/capture-file.ts'
import { end, must, run, start, until } from '../helpers/command.ts'
import { image, startDocker } from '../helpers/docker.ts'
import { makeImageFolder } from '../helpers/engine-place.ts'
import { remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

async function listed(pattern: string): Promise<Record<string, unknown>[]> {
  const { stdout } = await remora(['list', pattern, '--json'])
  return JSON.parse(stdout || '[]')
}

describe('Docker in Docker', () => {
  /** The rights and folders a dockerd needs inside a container, with the programs of this machine. */
  const options = [
    ...['--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE'],
    ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'systempaths=unconfined'],
    ...['--device-cgroup-rule', 'a *:* rwm', '-v', '/sys/fs/cgroup:/sys/fs/cgroup:rw'],
    ...['/usr', '/lib', '/lib64', '/bin', '/sbin', '/etc/alternatives'].flatMap(path => ['-v', `${path}:${path}:ro`]),
    ...['--tmpfs', '/run', '--tmpfs', '/tmp', '-v', '/var/lib/docker', '-e', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
  ]

  test('has the outer container as prefix, and is captured inside', async () => {
    const docker = await startDocker()
    closing.push(() => docker.close())
    await docker.container('outer', options, [
      '/usr/bin/sh',
      '-c',
      'mount -o remount,rw /proc/sys; exec /usr/sbin/dockerd',
    ])
    const inside = (...args: string[]) => docker.docker('exec', 'outer', '/usr/bin/docker', ...args)
    await until('the inner engine answers', async () => (await inside('version').catch(() => '')) !== '', 30_000)
    await must(
      'bash',
      '-c',
      `docker -H unix://${docker.socket} save ${image} | docker -H unix://${docker.socket} exec -i outer /usr/bin/docker load`,
    )
    await inside('run', '-d', '--name', 'inner', image, 'ping', '-i', '0.2', '127.0.0.1')
    const [found] = await listed('outer/inner')
    expect(found).toMatchObject({ name: 'inner', prefix: 'outer', type: 'docker', reference: 'docker:outer/inner' })
    expect(await must('cat', `/proc/${found?.pid}/comm`)).toBe('ping\n')
    const file = join(scratch(), 'inner.pcapng')
    const { status, stderr } = await remora(['capture', 'outer/inner', '-a', 'packets:4', '-w', file])
    expect(status, stderr).toBe(0)
    expect((await packetsOf(file)).filter(({ info }) => /Echo/.test(info)).length).toBeGreaterThan(0)
    expect((await remora(['capture', 'inner', '-w', '-'])).stderr).toMatch(/hint: Did you mean outer\/inner/)
  }, 120_000)
})

describe('without any engine', () => {
  test('an LXC container is found by its name', async () => {
    const folder = scratch()
    const name = `rt-lxc-${process.pid}`
    mkdirSync(join(folder, name))
    const config = [
      `lxc.rootfs.path = dir:${makeImageFolder(folder)}`,
      'lxc.net.0.type = empty',
      `lxc.uts.name = ${name}`,
      'lxc.apparmor.profile = unconfined',
      'lxc.init.cmd = /bin/sleep 1000',
    ]
    writeFileSync(join(folder, name, 'config'), `${config.join('\n')}\n`)
    await must('lxc-start', '-P', folder, '-n', name, '-o', join(folder, 'log'), '-l', 'INFO')
    closing.push(() => run(['lxc-stop', '-P', folder, '-k', '-n', name]))
    expect(await listed(name)).toMatchObject([{ name, type: 'lxc' }])
    const { stdout, status } = await remora(['capture', name, '--dry-run', '--json', '-i', 'any'])
    const pid = (await must('lxc-info', '-P', folder, '-n', name, '-pH')).trim()
    const inode = Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
    expect([status, JSON.parse(stdout).netns]).toEqual([0, inode])
  })

  test('a systemd-nspawn container is found by its name', async () => {
    const folder = scratch()
    const name = `rt-nspawn-${process.pid}`
    const root = makeImageFolder(folder)
    mkdirSync(join(root, 'usr'))
    mkdirSync(join(root, 'etc'))
    writeFileSync(join(root, 'etc/os-release'), 'ID=test\n')
    const nspawn = start(
      [
        'systemd-nspawn',
        '-q',
        '-D',
        root,
        '--register=no',
        '--keep-unit',
        '--private-network',
        '-M',
        name,
        '/bin/sleep',
        '1000',
      ],
      {},
      600_000,
    )
    closing.push(() => end(nspawn.child, 'SIGTERM'))
    await until('it is listed', async () => (await listed(name)).length > 0).catch(error => {
      throw new Error(`${error.message}\n${nspawn.stderr()}`)
    })
    expect(await listed(name)).toMatchObject([{ name, type: 'nspawn' }])
  })
})
