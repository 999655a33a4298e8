/**
 * Captures through a service as Wireshark makes them: the interfaces `mobyshark` and `packetflix`, and `remora` for a user
 * who may not capture himself but may use the service of this machine.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { interfacesOf, packetsOf } from '../helpers/capture-file.ts'
import { must, type Result, run, sleep, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { expectNoDumpcap } from '../helpers/leaks.ts'
import { environment, executable, remora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { parseSentences } from '../helpers/sentences.ts'
import { type Served, serve } from '../helpers/served.ts'
import { wiresharks } from '../helpers/wireshark.ts'

let engine: Docker
let service: Served
let socket: string
let local: Served
let folder: string
beforeAll(async () => {
  folder = scratch()
  engine = await startDocker()
  await engine.docker('network', 'create', '--subnet', '172.31.78.0/24', 'sea')
  await engine.container('far', ['--network', 'sea'])
  // The newest is told by the second it was made in.
  const second = Math.floor(Date.now() / 1_000)
  await until('the next second has begun', () => Math.floor(Date.now() / 1_000) > second)
  await engine.container('near', ['--network', 'sea'], ['ping', '-i', '0.2', 'far'])
  const env = { DOCKER_HOST: engine.env.DOCKER_HOST }
  service = await serve([], { env })
  socket = join(folder, 'remora.sock')
  local = await serve(['--listen', `unix:${socket}`], { env })
  chmodSync(folder, 0o755)
  chmodSync(socket, 0o666)
})
afterEach(async () => {
  for (const place of [service, local]) {
    await until('the service has no capture', async () => (await place.captures()).length === 0, 5_000)
  }
  await expectNoDumpcap(await netnsOf('far'))
})
afterAll(async () => {
  await service?.close()
  await local?.close()
  await engine?.close()
})

async function netnsOf(name: string): Promise<number> {
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
  return Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
}

/** Fresh values of a selector, as the dialog asks for them. */
function reload(option: string, args: readonly string[], command: readonly string[] = [executable], env = {}) {
  const nif = option === 'target' || option === 'interface' ? 'remora' : 'mobyshark'
  const call = ['--extcap-config', '--extcap-interface', nif, '--extcap-reload-option', option]
  return run([...command, ...call, ...args], { cwd: '/usr', env: environment(env) })
}
const values = ({ stdout }: Result) => parseSentences(stdout).map(({ attributes }) => attributes)

const url = () => ['--dockerhosturl', `http://${service.address}`]

describe('the selectors of mobyshark', () => {
  test('containers are listed, with a value that names one for good', async () => {
    const result = await reload('container', [...url(), '--showcontainers', 'true'])
    expect(result).toMatchObject({ status: 0, stderr: '' })
    const [first, ...others] = values(result)
    expect(first).toMatchObject({ arg: '10', value: '', default: 'true' })
    const far = others.find(({ display }) => display === 'far (docker)')
    expect(JSON.parse(decodeURIComponent(far?.value ?? ''))).toMatchObject({
      name: 'far',
      type: 'docker',
      netns: await netnsOf('far'),
      'network-interfaces': ['lo', 'eth0'],
    })
    const nifs = await reload('nif', [...url(), '--container', far?.value ?? ''])
    expect(values(nifs).map(({ value }) => value)).toEqual(['any', 'lo', 'eth0'])
  })

  test.each<[string, string[], RegExp, RegExp]>([
    ['containers', ['--showcontainers=true'], /near \(docker\)/, /\((?:host|proc|bindmount|pod)\)/],
    ['processes', ['--showprocs', 'true', '--showcontainers', 'false'], /host/, /far \(docker\)|\(bindmount\)/],
    ['namespaces', ['--showemptynetns'], /^/, /\((?:docker|proc|host|pod)\)/],
    ['nothing ticked', [], /near \(docker\)/, /\((?:host|proc|bindmount|pod)\)/],
  ])('%s, as the flags say', async (_, flags, has, hasNot) => {
    const shown = values(await reload('container', [...url(), ...flags]))
      .map(({ display }) => display)
      .join('\n')
    expect(shown).toMatch(has)
    expect(shown).not.toMatch(hasNot)
  })

  test.each<[string, string[], RegExp]>([
    [
      'nobody listens',
      ['--dockerhosturl', 'http://127.0.0.1:1'],
      /^cannot reach http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
    ],
    ['no address', [], /is no address of a capture service/],
    ['a bad one', ['--dockerhosturl', 'ftp://x'], /"ftp:\/\/x" is no address/],
  ])('%s: one entry says so', async (_, args, message) => {
    const result = await reload('container', args)
    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(values(result)).toEqual([{ arg: '10', value: '', display: expect.stringMatching(message), default: 'true' }])
  })

  test('a service that takes its time is waited for: Ghostwire needs 11 s where an engine does not answer', async () => {
    service.running.child.kill('SIGSTOP')
    const result = reload('container', url())
    await sleep(6_000)
    service.running.child.kill('SIGCONT')
    expect(values(await result)[1]).toMatchObject({ value: expect.stringMatching(/^%7B/) })
  })
})

describe.each(wiresharks.map(wireshark => [wireshark.version, wireshark] as const))('Wireshark %s', (_, wireshark) => {
  const { version, tshark } = wireshark
  const stored = (nif: string, settings: Record<string, string>) =>
    Object.entries(settings).flatMap(([name, value]) => ['-o', `extcap.${nif}.${name}:${value}`])

  test.each<[string, (json: string) => string]>([
    ['as remora writes it', encodeURIComponent],
    ['as cshargextcap has saved it', json => encodeURIComponent(json).replaceAll('%20', '+')],
    ['as JSON', json => json],
    ['by its name alone', () => 'far'],
  ])('mobyshark captures a container whose value is written %s', async (_, write) => {
    const [entry] = JSON.parse((await remora(['list', 'far', '--json', '--host', service.address])).stdout)
    const { name, type, prefix, netns, pid, starttime } = entry
    const json = JSON.stringify({ name, type, prefix, netns, pid, starttime, 'network-interfaces': ['lo', 'eth0'] })
    const file = join(folder, `moby-${version}.pcapng`)
    const settings = { dockerhosturl: `http://${service.address}`, container: write(json), nif: 'eth0' }
    const args = ['-i', 'mobyshark', ...stored('mobyshark', settings), '-f', 'icmp', '-c', '4', '-w', file]
    const { status, stderr } = await tshark(args, wiresharkHome())
    expect(status, stderr).toBe(0)
    expect(stderr).not.toMatch(/Error/)
    expect(await interfacesOf(file)).toMatchObject([{ name: 'eth0', packets: 4 }])
    expect(await must('capinfos', '-k', file)).toMatch(/container-name: far container-type: docker/)
  })

  test('packetflix captures what a link says, and what a ticket stands for', async () => {
    const target = encodeURIComponent(JSON.stringify({ name: 'far', type: 'docker', 'network-interfaces': ['eth0'] }))
    const body = JSON.stringify({ target: 'docker:far', interfaces: ['eth0'], filter: 'icmp' })
    const post = ['-sS', '-H', 'content-type: application/json', '-d', body]
    const ticket = JSON.parse(await must('curl', ...post, `http://${service.address}/v1/captures`)).url
    for (const link of [`packetflix:ws://${service.address}/capture?container=${target}`, `packetflix:${ticket}`]) {
      const file = join(folder, `link-${version}.pcapng`)
      const args = ['-i', 'packetflix', ...stored('packetflix', { url: link }), '-c', '4', '-w', file]
      const { status, stderr } = await tshark(args, wiresharkHome())
      expect(status, stderr).toBe(0)
      expect(stderr).not.toMatch(/Error/)
      expect((await interfacesOf(file)).map(({ name }) => name)).toEqual(['eth0'])
    }
    const used = await tshark(
      ['-i', 'packetflix', ...stored('packetflix', { url: `packetflix:${ticket}` })],
      wiresharkHome(),
    )
    expect(used.status).not.toBe(0)
    expect(used.stderr).toMatch(/ticket/)
  })

  test.each<[string, Record<string, string>, RegExp]>([
    ['an unknown container', { container: 'nobody' }, /TARGET_NOT_FOUND: .*nobody/],
    ['an unknown interface', { container: 'far', nif: 'nope' }, /INTERFACE_NOT_FOUND: /],
    ['no container', {}, /USAGE: this interface needs a container/],
    ['a dead service', { container: 'far', dockerhosturl: 'http://127.0.0.1:1' }, /PEER_FAILED: cannot reach/],
  ])('%s is told once', async (_, settings, message) => {
    const all = { dockerhosturl: `http://${service.address}`, ...settings }
    const file = join(folder, 'none.pcapng')
    const { status, stderr } = await tshark(
      ['-i', 'mobyshark', ...stored('mobyshark', all), '-w', file],
      wiresharkHome(),
    )
    expect(status).toBe(1)
    expect(stderr.match(new RegExp(message, 'g')), stderr).toHaveLength(1)
  })
})

describe('a user without rights', () => {
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
  /** A copy that anyone may execute. */
  let program: string
  let env: NodeJS.ProcessEnv
  beforeAll(async () => {
    const place = scratch()
    chmodSync(place, 0o755)
    program = join(place, 'remora')
    await must('cp', executable, program)
    mkdirSync(join(place, '.config/remora'), { recursive: true })
    writeFileSync(join(place, '.config/remora/config.json'), '{"list":64}')
    env = { REMORA_SOCKET: socket, HOME: place, DOCKER_HOST: 'unix:///none' }
  })
  const asNobody = (args: readonly string[], extra: NodeJS.ProcessEnv = {}) =>
    run([...nobody, program, ...args], { cwd: '/', env: environment({ ...env, ...extra }) })

  test('sees the containers of root, newest first, and can choose among them', async () => {
    const { stdout, stderr } = await asNobody(['--extcap-interfaces'])
    expect(stderr).toBe('')
    const listed = values({ stdout } as Result).map(({ value }) => value)
    // Other engines of this machine may run something too.
    expect(listed.filter(value => /^remora-(?:near|far)$/.test(value ?? ''))).toEqual(['remora-near', 'remora-far'])
    const targets = await reload('target', ['--match', 'far'], [...nobody, program], env)
    expect(values(targets).map(({ value }) => value)).toEqual(['', 'docker:far'])
    const nifs = await reload('interface', ['--target', 'docker:far'], [...nobody, program], env)
    expect(values(nifs).map(({ value }) => value)).toEqual(['', 'lo', 'eth0', 'any'])
    expect((await asNobody(['list', 'far'])).stdout).toMatch(/^far +docker/m)
  })

  test.each<[string, string[]]>([
    ['by the general interface', ['--extcap-interface', 'remora', '--target', 'docker:far', '--interface', 'eth0']],
    ['by the interface of the container', ['--extcap-interface', 'remora-far']],
  ])('captures %s', async (_, args) => {
    const fifo = join(folder, `${Math.random()}.fifo`)
    const file = `${fifo}.pcapng`
    await must('mkfifo', '-m', '666', fifo)
    // tshark stops reading after four packets, as a window that is closed.
    const reader = run(['sh', '-c', 'tshark -Q -i "$0" -c 4 -w "$1"', fifo, file])
    const call = ['--capture', '--fifo', fifo, '--extcap-capture-filter', 'icmp', ...args]
    expect(await asNobody(call)).toMatchObject({ status: 0, stdout: '', stderr: '' })
    await reader
    expect(await packetsOf(file)).toHaveLength(4)
  })

  test('is told of what the service refuses, as if it were done here', async () => {
    const fifo = join(folder, `${Math.random()}.fifo`)
    await must('mkfifo', '-m', '666', fifo)
    const reader = run(['cat', fifo])
    const call = ['--capture', '--fifo', fifo, '--extcap-interface', 'remora', '--reference', 'docker:nope']
    expect(await asNobody(call)).toMatchObject({ status: 3, stderr: expect.stringMatching(/^TARGET_NOT_FOUND: /) })
    await reader
    expect(await asNobody(['capture', 'far', '-f', 'tcp prt', '-w', '/dev/null'])).toMatchObject({ status: 6 })
  })

  test('is not held up by a service that hangs', async () => {
    local.running.child.kill('SIGSTOP')
    try {
      const started = performance.now()
      const { status, stdout, stderr } = await asNobody(['--extcap-interfaces'])
      expect(performance.now() - started).toBeLessThan(3_000)
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/\{value=remora\}/)
    } finally {
      local.running.child.kill('SIGCONT')
    }
  })

  test('without the right to the socket stays on his own', async () => {
    chmodSync(socket, 0o600)
    try {
      expect((await asNobody(['capture', 'docker:far', '-w', '/dev/null'])).status).toBe(3)
    } finally {
      chmodSync(socket, 0o666)
    }
  })
})
