/** The main job: a container's packets, by its name, from the executable alone. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { containerInterface } from '../../extcap/interfaces.ts'
import { startCapture, untilCaptured } from '../helpers/capture.ts'
import { interfacesOf, packetsOf, pingsIn } from '../helpers/capture-file.ts'
import { must, run } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { expectNoDumpcap, untilReading } from '../helpers/leaks.ts'
import { environment, executable, remora, startRemora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { parseSentences } from '../helpers/sentences.ts'
import { wiresharks } from '../helpers/wireshark.ts'

let engine: Docker
let env: NodeJS.ProcessEnv
let folder: string
beforeAll(async () => {
  engine = await startDocker()
  env = { DOCKER_HOST: engine.env.DOCKER_HOST }
  folder = scratch()
  await engine.docker('network', 'create', '--subnet', '172.31.77.0/24', 'shop')
  await engine.container('web', [
    '--env',
    'RTSTAGE=te st',
    '--network',
    'shop',
    '--label',
    'app=web',
    '--label',
    'com.docker.compose.project=shop',
    '--label',
    'com.docker.compose.service=web',
  ])
  await engine.container(
    'db',
    ['--network', 'shop', '--label', 'com.docker.compose.project=shop', '--label', 'com.docker.compose.service=db'],
    ['ping', '-i', '0.2', 'web'],
  )
})
afterAll(() => engine?.close())

async function netnsOf(name: string): Promise<number> {
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
  return Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
}

describe.each(wiresharks.map(wireshark => [wireshark.version, wireshark] as const))(
  'Wireshark %s',
  (_, { version, tshark }) => {
    test.each<[string, (home: string) => string[]]>([
      ['by the interface of the container', () => ['-i', 'remora-web']],
      ['by the general interface', () => ['-i', 'remora', '-o', 'extcap.remora.target:docker:web']],
    ])('captures a container %s; the file says which, and who talked', async (_, args) => {
      const file = join(folder, `docker-${version}.pcapng`)
      const home = wiresharkHome()
      const { status, stderr } = await tshark([...args(home), '-f', 'icmp', '-c', '6', '-w', file], home, env)
      expect(status, stderr).toBe(0)
      expect(await must('capinfos', '-k', file)).toMatch(
        /container-name: web container-type: docker node-name: \S+ capture-filter: icmp/,
      )
      expect(await interfacesOf(file)).toMatchObject([
        { name: 'lo', packets: 0 },
        { name: 'eth0', packets: 6, description: `docker remora-test:1 netns ${await netnsOf('web')}` },
      ])
      const names = await must(
        'tshark',
        '-N',
        'n',
        '-r',
        file,
        '-T',
        'fields',
        '-e',
        '_ws.col.Source',
        '-e',
        '_ws.col.Destination',
      )
      expect(new Set(names.trim().split('\n'))).toEqual(new Set(['db\tweb', 'web\tdb']))
      expect((await run(['tcpdump', '-r', file])).status).toBe(0)
      await expectNoDumpcap(await netnsOf('web'))
    })
  },
)

test('the executable alone in an extcap folder of an empty home is enough', async () => {
  const home = scratch()
  const extcap = join(home, '.config/wireshark/extcap')
  mkdirSync(extcap, { recursive: true })
  copyFileSync(executable, join(extcap, 'remora'))
  const file = join(folder, 'alone.pcapng')
  const { status, stderr } = await run(['tshark', '-i', 'remora-db', '-c', '4', '-w', file], {
    env: { PATH: '/usr/bin:/bin', HOME: home, ...env },
  })
  expect(status, stderr).toBe(0)
  expect(await packetsOf(file)).toHaveLength(4)
  expect(readdirSync(extcap)).toEqual(['remora'])
})

test('what shares the network of another is listed behind it, and does not give it its name', async () => {
  // Others on this machine may have containers, too.
  const [project, owner, guest] = ['pair', 'owner', 'guest'].map(name => `${name}-${process.pid}`) as [
    string,
    string,
    string,
  ]
  const label = ['--label', `com.docker.compose.project=${project}`]
  await engine.container(owner, label)
  await engine.container(guest, ['--network', `container:${owner}`, ...label])
  const [listed, interfaces, plan] = await Promise.all([
    remora(['list', '--json', '--type', 'docker'], { env }),
    remora(['--extcap-interfaces'], { env }),
    remora(['capture', `compose:${project}`, '--dry-run', '--json'], { env }),
  ])
  const ours = (names: readonly string[]) =>
    names.filter(name => /^(?:owner|guest)-/.test(name) && name.includes(`-${process.pid}`))
  const targets: { name: string }[] = JSON.parse(listed.stdout)
  expect(ours(targets.map(({ name }) => name))).toEqual([owner, guest])
  const shown = parseSentences(interfaces.stdout).map(({ attributes }) => attributes.display ?? '')
  expect(ours(shown)).toEqual([owner, guest].map(name => `${name} (docker container)`))
  expect(JSON.parse(plan.stdout)).toMatchObject({ reference: `docker:${owner}` })
  await engine.docker('rm', '-f', guest, owner)
})

describe('references', () => {
  const id = async () => engine.docker('inspect', '-f', '{{.Id}}', 'web')

  test.each<[string, () => Promise<string>]>([
    ['bare name', async () => 'web'],
    ['container:', async () => 'container:web'],
    ['docker:', async () => 'docker:web'],
    ['id', async () => `container:${await id()}`],
    ['beginning of the id', async () => (await id()).slice(0, 12)],
    ['label:', async () => 'label:app=web'],
    ['env:', async () => 'env:RTSTAGE=te%20st'],
    ['compose:', async () => 'compose:shop/web'],
    ['pid:', async () => `pid:${await engine.docker('inspect', '-f', '{{.State.Pid}}', 'web')}`],
    ['netns:', async () => `netns:${await netnsOf('web')}`],
    ['file:', async () => `file:${await engine.docker('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', 'web')}`],
  ])('%s leads to the container', async (_, reference) => {
    const { status, stdout, stderr } = await remora(['capture', await reference(), '--dry-run', '--json'], { env })
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout).netns).toBe(await netnsOf('web'))
  })

  test.each<[string, string[], number, RegExp]>([
    [
      'unknown, with near misses',
      ['wbe'],
      3,
      /^remora: TARGET_NOT_FOUND: no running container matches container:wbe\nhint: Did you mean web\?\n$/,
    ],
    [
      'variable that nobody has; its value is not shown',
      ['env:RTSTAGE=s3 cret'],
      3,
      /^remora: TARGET_NOT_FOUND: no running container matches env:RTSTAGE=…(?!.*(?:s3|cret))/s,
    ],
    ['malformed', ['pid:x'], 2, /^remora: USAGE: "pid:x" is no target reference/],
    ['one of two', ['web', 'bd'], 3, /^remora: TARGET_NOT_FOUND: no running container matches container:bd\nhint: /],
  ])('%s', async (_, targets, exit, message) => {
    const file = join(folder, 'refused.pcapng')
    expect(await remora(['capture', ...targets, '-w', file], { env })).toMatchObject({
      status: exit,
      stdout: '',
      stderr: expect.stringMatching(message),
    })
    expect(readdirSync(folder).filter(name => name.startsWith('refused'))).toEqual([])
  })
})

test('a Compose project is all of its containers, each interface under its name', async () => {
  const file = join(folder, 'project.pcapng')
  const { status, stderr } = await remora(['capture', 'compose:shop', '-i', 'eth0', '-a', 'duration:2', '-w', file], {
    env,
  })
  expect(status, stderr).toBe(0)
  expect((await must('capinfos', '-I', file)).match(/Name = .*/g)?.sort()).toEqual([
    'Name = db/eth0',
    'Name = web/eth0',
  ])
})

describe('on the command line', () => {
  test('packets go down a pipe to tshark', async () => {
    const line = '"$0" capture container:web -f icmp -a packets:10 -w - | tshark -N n -r - -T fields -e _ws.col.Source'
    const { stdout, status } = await run(['sh', '-c', line, executable], { env: environment(env) })
    expect(status).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(10)
    expect(stdout).toMatch(/^(web|db)$/m)
  })

  test('names can be left out', async () => {
    const file = join(folder, 'nameless.pcapng')
    await remora(['capture', 'web', '--no-names', '-a', 'packets:2', '-w', file], { env })
    expect(await must('tshark', '-N', 'n', '-r', file, '-T', 'fields', '-e', '_ws.col.Source')).toMatch(
      /^172\.31\.77\.\d$/m,
    )
  })

  test('the list tells what there is, by name, in JSON with the fields of Packetflix', async () => {
    const { stdout } = await remora(['list', '--json', '--type', 'docker', 'w*'], { env })
    expect(JSON.parse(stdout)).toMatchObject([
      {
        name: 'web',
        type: 'docker',
        prefix: '',
        netns: await netnsOf('web'),
        'network-interfaces': ['lo', 'eth0'],
        pid: Number(await engine.docker('inspect', '-f', '{{.State.Pid}}', 'web')),
        starttime: expect.any(Number),
        reference: 'docker:web',
        engine: 'docker',
        image: 'remora-test:1',
        state: 'running',
        labels: { app: 'web' },
        addresses: ['172.31.77.2'],
      },
    ])
    expect((await remora(['list', 'web'], { env })).stdout).toMatch(
      /^NAME +TYPE .*\nweb +docker +running +lo eth0 +172\.31\.77\.2/,
    )
    await engine.docker('pause', 'web')
    const paused = await remora(['list', '--json', '--type', 'docker', '--state', 'paused', 'w*'], { env })
    await engine.docker('unpause', 'web')
    expect(JSON.parse(paused.stdout)).toMatchObject([{ name: 'web', state: 'paused' }])
    expect(paused.stdout).not.toContain('RTSTAGE')
    expect(await remora(['list', '--state', 'paused', 'web'], { env })).toMatchObject({ status: 3 })
    expect(await remora(['list', '--state', 'exited'], { env })).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/"exited"\nhint: Use running or paused/),
    })
    expect(await remora(['list', 'nothing-like-this'], { env })).toMatchObject({ status: 3 })
  })
})

describe('containers come and go', () => {
  test('a restart between listing and capture leads into the new namespace', async () => {
    await engine.container('moved', ['--network', 'shop'])
    const nif = containerInterface('moved')
    expect((await remora(['--extcap-interfaces'], { env })).stdout).toContain(`{value=${nif}}`)
    const before = await netnsOf('moved')
    // Something else keeps the old namespace alive, so that it could be captured by mistake.
    const old = await engine.docker('inspect', '-f', '{{.State.Pid}}', 'moved')
    const keeper = run(['nsenter', '-t', old, '-n', '--', 'sleep', '4'])
    await engine.docker('restart', 'moved')
    const after = await netnsOf('moved')
    expect(after).not.toBe(before)
    const file = join(folder, 'moved.pcapng')
    const home = wiresharkHome()
    const tshark = run(['tshark', '-i', nif, '-c', '2', '-f', 'icmp', '-w', file], {
      env: environment({ HOME: home, ...env }),
    })
    await untilReading(after)
    await engine.docker('exec', 'moved', 'ping', '-c', '1', 'web')
    expect((await tshark).status).toBe(0)
    expect(await pingsIn(file)).toHaveLength(1)
    await keeper
  })

  test.each([
    ['stopped', ['stop', 'short']],
    ['killed', ['kill', 'short']],
    ['removed', ['rm', '-f', 'short']],
    ['restarted', ['restart', 'short']],
  ])('a capture ends well when its container is %s', async (_, command) => {
    await engine.docker('rm', '-f', 'short')
    await engine.container('short', ['--network', 'shop'], ['ping', '-q', '-i', '0.1', 'web'])
    const inode = await netnsOf('short')
    const file = join(scratch(), 'short.pcapng')
    const running = startRemora(['capture', 'short', '-w', file, '--json'], { env })
    await untilCaptured(file, 'icmp.type == 8', 3)
    await engine.docker(...command)
    const { status, stdout } = await running.result
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      end: expect.stringMatching(/target-gone|interface-gone/),
    })
    expect((await pingsIn(file)).length).toBeGreaterThan(2)
    await expectNoDumpcap(inode)
  })

  test('a paused container can be captured, and goes on when it does', async () => {
    await engine.docker('rm', '-f', 'short')
    await engine.container('short', ['--network', 'shop'], ['ping', '-q', '-i', '0.1', 'web'])
    await engine.docker('pause', 'short')
    const file = join(folder, 'paused.pcapng')
    const running = startCapture(['short', '-f', 'icmp', '-a', 'packets:4', '-w', file], { env })
    await running.armed()
    await engine.docker('unpause', 'short')
    expect((await running.result).status).toBe(0)
    expect(await packetsOf(file)).toHaveLength(4)
  })

  test('at most as many containers are listed as wanted, newest first, each once', async () => {
    for (let index = 0; index < 9; index++) await engine.container(`many${index}`)
    const { stdout } = await remora(['--extcap-interfaces'], { env })
    const listed = parseSentences(stdout)
      .filter(({ word }) => word === 'interface')
      .map(({ attributes }) => attributes.value)
    expect(listed).toHaveLength(11)
    expect(listed[0]).toMatch(/^remora-many/)
    expect(listed.slice(-3)).toEqual(['mobyshark', 'packetflix', 'remora'])
    expect(new Set(listed).size).toBe(11)
  })
})
