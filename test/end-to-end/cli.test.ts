/** The command line, in a home of its own: usage, installation, and the doctor. */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { end, run, start, until } from '../helpers/command.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { bundle, environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { wiresharks } from '../helpers/wireshark.ts'

describe('wrong usage', () => {
  test.each<[string[], RegExp]>([
    [['capture'], /^remora: USAGE: missing required argument 'TARGET'\nhint: /],
    [['bogus'], /^remora: USAGE: .*bogus/],
    [['list', '--bogus'], /^remora: USAGE: unknown option '--bogus'\nhint: /],
    [['lsit'], /^remora: USAGE: .*lsit/],
    [['capture', 'host', '-a', 'packets:x', '-w', '-'], /USAGE: "packets:x" is no stop condition/],
    [['capture', 'host', '-s', '-5', '-w', '-'], /USAGE: "-5" is no snapshot length/],
    [['capture', 'host', '-w', ''], /USAGE: the file to write has no name/],
    [['capture', '', '-w', '-'], /USAGE: "" is no target reference/],
    [['capture', 'host', '-w', '/nonexistent/x'], /USAGE: cannot write \/nonexistent\/x/],
    [['capture', 'host', '-w', '/tmp'], /USAGE: \/tmp is a directory/],
    [
      ['list', '--type', 'docker,dokcer'],
      /USAGE: no target is of the type "dokcer"\nhint: Use docker, podman, .* or bindmount\./,
    ],
    [
      ['list', '--engine', 'pod'],
      /USAGE: no container is of the engine "pod"\nhint: Use docker, podman, containerd, cri, lxd, incus, lxc or nspawn\./,
    ],
    [['list', '--state', 'exited'], /USAGE: no container is listed in the state "exited"\nhint: Use running or paused/],
    [['list', '--format', 'xml'], /USAGE: there is no format "xml"\nhint: The formats are mobyshark and ghostwire/],
    [['capture', 'host', '--at', 'x', '-w', '-'], /USAGE: "x" is no place to capture at\nhint: Use inside, peer, both/],
    [['capture', 'host', '--match', 'x', '-w', '-'], /USAGE: "x" is nothing to do .*\nhint: Use error, /],
    [['serve', '--log-level', 'x'], /USAGE: unknown log level "x"\nhint: trace, /],
    [['install', '--list', 'x'], /USAGE: --list takes a number/],
    [['install', '--user', '--system'], /USAGE: --user and --system exclude each other/],
  ])('%j is refused with status 2', async (args, message) => {
    const { status, stdout, stderr } = await remora(args)
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
    expect(stderr).not.toMatch(/\n {4}at /)
  })
})

test.each([[['list']], [['list', '--json']], [['list', '--watch']], [['--help']], [['--version']]])(
  '%j into a file on a full disk is a failure',
  async args => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = await run([executable, ...args], {
      stdio: ['ignore', full, 'pipe'],
      env: environment(),
    })
    closeSync(full)
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: cannot write to standard output: ENOSPC/m),
    ])
  },
)

test('nothing to capture with is told with the package that brings it', async () => {
  const { status, stderr } = await run(
    [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      'mount --bind /dev/null /usr/bin/dumpcap; exec "$0" capture host -f tcp -w -',
      executable,
    ],
    { env: environment() },
  )
  expect([status, stderr]).toEqual([
    5,
    expect.stringMatching(
      /^remora: TOOL_MISSING: dumpcap is not installed.*\nhint: .*sudo apt-get install wireshark-common/,
    ),
  ])
})

test('scripts/try.sh does what the README says, and leaves only the capture file', async () => {
  const folder = scratch()
  const { status, stdout, stderr } = await run(['scripts/try.sh'], { env: environment({ TMPDIR: folder }) })
  expect(status, stderr).toBe(0)
  expect(stdout.match(/Echo \(ping\) re(quest|ply)/g)).toHaveLength(6)
  expect(readdirSync(folder)).toEqual(['remora-try.pcapng'])
  expect((await run(['ip', 'netns'])).stdout).not.toMatch(/^try-/m)
  expect((await run(['pgrep', '-f', 'ping -q -i 0.2 -w 60 10.213.8.2'])).status).toBe(1)
})

describe('installation', () => {
  let home: string
  let env: NodeJS.ProcessEnv
  const folders = ['.config/wireshark/extcap', '.local/lib/wireshark/extcap']
  beforeEach(() => {
    home = scratch()
    env = { HOME: home }
  })

  test('for a user puts remora where every Wireshark looks, and proves it', async () => {
    const { status, stdout, stderr } = await remora(['install', '--user'], { env })
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/installed: tshark -D lists remora\nIn Wireshark, choose the profile remora .*\n$/)
    for (const folder of folders) {
      expect(readdirSync(join(home, folder))).toEqual(['remora'])
      expect(await run([join(home, folder, 'remora'), '--version'], { env: { PATH: '/usr/bin:/bin' } })).toMatchObject({
        status: 0,
      })
    }
    const entry = readFileSync(join(home, '.local/share/applications/remora-packetflix.desktop'), 'utf8')
    expect(entry).toMatch(/^MimeType=x-scheme-handler\/packetflix;$/m)
  })

  test('of the bundle runs without node on the PATH', async () => {
    const { status, stderr } = await run([process.execPath, bundle, 'install', '--user', '--list', '3'], {
      env: environment(env),
    })
    expect(status, stderr).toBe(0)
    const installed = join(home, folders[0] ?? '', 'remora')
    expect(await run([installed, '--extcap-interfaces'], { env: { PATH: '/usr/bin:/bin', HOME: home } })).toMatchObject(
      { status: 0, stderr: '' },
    )
    expect(JSON.parse(readFileSync(join(home, '.config/remora/config.json'), 'utf8'))).toEqual({ list: 3 })
  })

  test('is repeatable, and taken away without a trace', async () => {
    await remora(['install', '--user'], { env })
    expect((await remora(['install', '--user', '--list', '2'], { env })).status).toBe(0)
    const { status, stdout } = await remora(['uninstall', '--user'], { env })
    expect([status, stdout]).toEqual([0, expect.stringMatching(/remove .*extcap\/remora/)])
    const left = (await run(['find', home, '-mindepth', '1', '-name', '*remora*', '-not', '-empty'])).stdout
    expect(left).toBe('')
    expect((await remora(['uninstall', '--user'], { env })).stdout).toMatch(/nothing is installed/)
  })

  test('leaves what is not its own', async () => {
    mkdirSync(join(home, folders[0] ?? ''), { recursive: true })
    const foreign = join(home, folders[0] ?? '', 'remora')
    writeFileSync(foreign, '#!/bin/sh\n')
    await remora(['uninstall', '--user'], { env })
    expect(existsSync(foreign)).toBe(true)
  })

  test('leaves a command of that name and other settings alone', async () => {
    const command = join(home, '.local/bin/remora')
    mkdirSync(join(home, '.local/bin'), { recursive: true })
    writeFileSync(command, 'somebody else’s')
    await remora(['install', '--user', '--list', '2'], { env })
    writeFileSync(join(home, '.config/remora/other'), 'kept')
    await remora(['uninstall', '--user'], { env })
    expect(readFileSync(command, 'utf8')).toBe('somebody else’s')
    expect(readdirSync(join(home, '.config/remora'))).toEqual(['other'])
  })

  test.each(wiresharks)('writes a profile for Wireshark $version, with the tap of each packet', async ({ tshark }) => {
    await remora(['install', '--user'], { env })
    const { status, stdout } = await tshark(
      ['-C', 'remora', '-r', resolve('test/fuzz/corpus/dumpcap-two.pcapng')],
      home,
    )
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ +1 0\.0+ lo +127\.0\.0\.1 → 127\.0\.0\.1 +ICMP/)
  })

  test('leaves a profile that the user has changed', async () => {
    const profile = join(home, '.config/wireshark/profiles/remora/preferences')
    await remora(['install', '--user'], { env })
    appendFileSync(profile, 'nameres.network_name: FALSE\n')
    const changed = readFileSync(profile, 'utf8')
    await remora(['install', '--user'], { env })
    await remora(['uninstall', '--user'], { env })
    expect(readFileSync(profile, 'utf8')).toBe(changed)
  })

  test('as a dry run only tells', async () => {
    const { status, stdout } = await remora(['install', '--user', '--dry-run'], { env })
    expect([status, stdout]).toEqual([0, expect.stringMatching(/copy .* to .*\.local\/share\/remora\/remora\nlink /)])
    expect(readdirSync(home)).toEqual([])
    const system = await remora(['install', '--system', '--dry-run'], { env })
    expect(system.stdout).toMatch(/\/usr\/libexec\/wireshark\/extcap\/remora/)
    expect(system.stdout).toMatch(/\/usr\/lib\/x86_64-linux-gnu\/wireshark\/extcap\/remora/)
  })

  test('where it may not write is refused with what to do', async () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', executable]
    const { status, stderr } = await run([...nobody, 'install', '--system'], { env: environment({ HOME: '/' }) })
    expect([status, stderr]).toEqual([
      4,
      expect.stringMatching(/FORBIDDEN: cannot change the installation.*\nhint: Run it with sudo/),
    ])
  })
})

describe('the list', () => {
  test('shows a named namespace by its name, also while processes come and go in it', async () => {
    const pair = await makeNetnsPair()
    const inside = start(['nsenter', `--net=/run/netns/${pair.receiver}`, '--', 'sleep', '100'])
    const { stdout } = await remora(['list', pair.receiver, '--json'])
    expect(JSON.parse(stdout)).toMatchObject([
      { name: `/run/netns/${pair.receiver}`, reference: `named:${pair.receiver}` },
    ])
    await end(inside.child)
    const { status, stderr } = await remora(['capture', `named:${pair.receiver}x`, '-w', '-'])
    expect([status, stderr]).toEqual([3, expect.stringContaining(`hint: Did you mean ${pair.receiver}`)])
    await pair.close()
  })

  test('shows a plain user what he can see, and says once what he cannot', async () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', executable]
    const { status, stdout, stderr } = await run([...nobody, 'list'], { env: environment({ HOME: '/' }) })
    expect(status).toBe(0)
    expect(stdout).toMatch(/^host +host/m)
    const warnings = stderr.split('\n').filter(line => line !== '')
    expect(new Set(warnings).size).toBe(warnings.length)
  })
})

describe('the doctor', () => {
  const check = (stdout: string, name: RegExp) =>
    (JSON.parse(stdout) as { name: string; ok: boolean; detail: string; fix?: string }[]).find(found =>
      name.test(found.name),
    )

  test('is content after an installation', async () => {
    const env = { HOME: scratch(), DOCKER_HOST: 'unix:///nonexistent' }
    await remora(['install', '--user'], { env })
    const { status, stdout } = await remora(['doctor'], { env })
    expect(status, stdout).toBe(0)
    expect(stdout).toMatch(/^ok {3}dumpcap: .*Dumpcap \(Wireshark\) 4/m)
    expect(stdout).not.toMatch(/^BAD/m)
  })

  test('finds that Wireshark does not know remora, and says what mends it', async () => {
    const { status, stdout } = await remora(['doctor', '--json'], { env: { HOME: scratch() } })
    expect(status).toBe(5)
    expect(check(stdout, /^extcap folders$/)).toMatchObject({
      ok: false,
      fix: expect.stringMatching(/remora install$/),
    })
    expect(check(stdout, /^tshark -D$/)).toMatchObject({ ok: false })
  })

  test('finds a copy of another version, and one that does not run', async () => {
    const home = scratch()
    for (const [folder, content] of [
      ['.config', '#!/bin/sh\necho remora 0.0.1\n'],
      ['.local/lib', '#!/nonexistent\n'],
    ] as const) {
      const path = join(home, folder, 'wireshark/extcap')
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, 'remora'), content, { mode: 0o755 })
    }
    const { stdout } = await remora(['doctor', '--json'], { env: { HOME: home } })
    expect(check(stdout, /\.config/)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^is remora 0\.0\.1, not /),
    })
    expect(check(stdout, /\.local/)).toMatchObject({ ok: false, detail: expect.stringMatching(/^does not run/) })
  })

  test('finds tools that cannot be run, and looks at everything else', async () => {
    const folder = scratch()
    for (const tool of ['dumpcap', 'tshark']) writeFileSync(join(folder, tool), '#!/nonexistent\n', { mode: 0o755 })
    const env = { HOME: scratch(), PATH: `${folder}:${process.env.PATH}` }
    const { stdout } = await remora(['doctor', '--json'], { env })
    expect(check(stdout, /^dumpcap$/)).toMatchObject({
      ok: false,
      detail: `${folder}/dumpcap does not run: spawn ${folder}/dumpcap ENOENT`,
    })
    expect(check(stdout, /^tshark -D$/)).toMatchObject({ ok: false })
    expect(check(stdout, /^orphaned captures$/)).toBeDefined()
  })

  test('finds an engine that does not answer', async () => {
    const socket = join(scratch(), 'docker.sock')
    const { createServer } = await import('node:net')
    const server = createServer(() => {}).listen(socket)
    const { stdout } = await remora(['doctor', '--json'], { env: { HOME: scratch(), DOCKER_HOST: `unix://${socket}` } })
    expect(check(stdout, new RegExp(socket))).toMatchObject({ ok: false, fix: 'sudo systemctl restart docker' })
    server.close()
  })

  test('finds a service that was killed', async () => {
    const socket = join(scratch(), 'service.sock')
    const service = start([executable, 'serve', '--listen', `unix:${socket}`], { env: environment() })
    await until('the service listens', () => service.stderr().includes('listening'))
    await end(service.child)
    const { stdout } = await remora(['doctor', '--json'], { env: { HOME: scratch(), REMORA_SOCKET: socket } })
    const detail = `nobody listens on ${socket} any more`
    expect(check(stdout, /^service$/)).toMatchObject({ ok: false, detail, fix: 'sudo systemctl restart remora' })
  })

  test('tells a plain user what he may capture, and how to get more', async () => {
    const folder = scratch()
    copyFileSync(executable, join(folder, 'remora'))
    chmodSync(folder, 0o755)
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', join(folder, 'remora')]
    const { stdout } = await run([...nobody, 'doctor', '--json'], { env: environment({ HOME: folder }) })
    expect(check(stdout, /^rights on this host$/)).toMatchObject({
      ok: false,
      fix: expect.stringMatching(/^sudo setcap cap_net_raw/),
    })
    expect(lstatSync(folder).isDirectory()).toBe(true)
  })
})
