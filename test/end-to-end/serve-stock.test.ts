/** A stock client of Packetflix, over containers of Docker: every way it says what it wants, and every way it ends. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { interfacesOf, packetsOf, pingsIn } from '../helpers/capture-file.ts'
import { must, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { dumpcapsIn, expectNoDumpcap } from '../helpers/leaks.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'
import { captures, running, type ServiceUnderTest, serve } from '../helpers/service.ts'
import { blockType, splitBlocks } from '../helpers/split.ts'
import { type Capture, type CaptureOptions, stockCapture } from '../helpers/stock-client.ts'

interface Listed {
  readonly name: string
  readonly type: string
  readonly netns: number
  readonly pid: number
  readonly starttime: number
  readonly prefix: string
  readonly 'network-interfaces': string[]
}

let engine: Docker
let service: ServiceUnderTest
let folder: string
beforeAll(async () => {
  folder = scratch()
  engine = await startDocker()
  await engine.docker('network', 'create', '--subnet', '172.31.81.0/24', 'yard')
  await engine.container('stk-web', ['--network', 'yard'])
  await engine.container('stk-db', ['--network', 'yard'], ['ping', '-q', '-i', '0.05', 'stk-web'])
  service = await serve([], { env: { DOCKER_HOST: engine.env.DOCKER_HOST } })
})
afterAll(async () => {
  await service?.close()
  await engine?.close()
})
afterEach(async () => {
  await until('no capture runs', async () => (await captures(service)).length === 0)
  await until('nothing is left', () => service.children().length === 0 && service.temporary().length === 0)
  expect(service.log().filter(({ level, end }) => level === 50 || end === 'BUG')).toEqual([])
})

/** What the list of targets says of a container. */
async function listed(name: string): Promise<Listed> {
  const { containers } = (await (await service.get('/mobyshark')).json()) as { containers: Listed[] }
  const found = containers.find(container => container.name === name)
  if (found === undefined) throw new Error(`${name} is not listed`)
  return found
}

function capture(options: Omit<CaptureOptions, 'base'>): Capture {
  return stockCapture({ base: service.url, ...options })
}

/** What came, in a file; the answer to a close frame may cut a packet short. */
function save({ bytes }: Capture): string {
  const file = join(folder, 'stock.pcapng')
  writeFileSync(file, Buffer.concat(splitBlocks(bytes())))
  return file
}

/** Packets that have come so far; the names before them may be as long as they. */
function packetsIn({ bytes }: Capture): number {
  return splitBlocks(bytes()).filter(block => blockType(block) === 6).length
}

/** Waits for packets, closes as csharg does, and leaves what came in a file. */
async function complete(running: Capture): Promise<string> {
  await until('packets come', () => packetsIn(running) > 5)
  const closed = await running.stop()
  expect(closed).toEqual({ code: 1000, reason: 'ciao', clean: true, protocolError: undefined })
  // Wireshark takes nothing more by then, so dumpcap's statistics (pcapng, type 5) do not come.
  expect(splitBlocks(running.bytes()).map(blockType)).not.toContain(5)
  return save(running)
}

const minimal = (name: string, ...interfaces: string[]) => ({ 'network-interfaces': interfaces, name, type: 'docker' })

describe('a target', () => {
  test.each<[string, () => Promise<Omit<CaptureOptions, 'base'>>]>([
    ['as listed', async () => ({ target: await listed('stk-web') })],
    ['as listed, in the query', async () => ({ target: await listed('stk-web'), via: 'query' })],
    ['as listed, in headers', async () => ({ target: await listed('stk-web'), via: 'headers' })],
    ['as little as can be', async () => ({ target: minimal('stk-web', 'eth0') })],
    [
      'with a namespace somebody made up',
      async () => ({ target: { ...minimal('stk-web', 'eth0'), netns: 4026532270 } }),
    ],
    [
      'with a process that is gone',
      async () => ({ target: { ...(await listed('stk-web')), pid: 4_000_000, starttime: 5 } }),
    ],
    [
      'with all that is unknown',
      async () => ({ target: { ...minimal('stk-web'), cluster: { uid: 'x' }, labels: null } }),
    ],
    ['as a number of a namespace', async () => ({ netns: (await listed('stk-web')).netns })],
    [
      'in headers that win over the query',
      async () => ({
        target: minimal('stk-web'),
        via: 'headers',
        query: { container: JSON.stringify(minimal('stk-nobody')), filter: 'no filter at all', nif: 'eth9' },
        headers: { 'Clustershark-Filter': 'icmp', 'Clustershark-Nif': 'eth0' },
      }),
    ],
  ])('%s', async (_, options) => {
    const file = await complete(capture(await options()))
    expect((await pingsIn(file)).length).toBeGreaterThan(2)
    const info = await must('capinfos', '-k', file)
    expect(info).toMatch(/container-name: \S+ container-type: (?:docker|proc) node-name: \S+/)
    await expectNoDumpcap((await listed('stk-web')).netns)
  })

  test('its host and cluster are called what the client calls them', async () => {
    const target = { ...minimal('stk-web'), 'node-name': 'edge 7', cluster: { context: 'lab', uid: 'u-1' } }
    const info = await must('capinfos', '-k', await complete(capture({ target })))
    expect(info).toMatch(/# remora context.*# capture target information.* node-name: edge 7 cluster: +uid: u-1/)
  })

  test('that was restarted is found again by its name', async () => {
    const before = await listed('stk-db')
    await engine.docker('restart', 'stk-db')
    const after = await listed('stk-db')
    expect(after.pid).not.toBe(before.pid)
    const capturing = capture({ target: before, filter: 'icmp' })
    await running(service, 1)
    expect(dumpcapsIn(after.netns)).toHaveLength(1)
    expect((await pingsIn(await complete(capturing))).length).toBeGreaterThan(2)
  })

  test('that is the host goes by the name of its first process', async () => {
    const port = 20_000 + (process.pid % 10_000)
    const capturing = capture({
      target: { name: 'systemd(1)', type: 'proc', prefix: '' },
      nifs: ['lo'],
      filter: `udp port ${port}`,
    })
    await capturing.waitForBytes(100)
    expect(await capturing.stop()).toMatchObject({ code: 1000, reason: 'ciao' })
    expect(await must('capinfos', '-k', save(capturing))).toContain('container-type: host')
  })
})

describe('interfaces', () => {
  test.each<[string, Omit<CaptureOptions, 'base'>, string[]]>([
    ['joined by a slash', { nifs: ['eth0', 'lo'] }, ['eth0', 'lo']],
    ['any', { nifs: ['any'] }, ['lo', 'eth0']],
    ['all', { nifs: ['all'] }, ['lo', 'eth0']],
    ['an empty parameter', { nifs: [] }, ['lo', 'eth0']],
    ['named by the target', { target: minimal('stk-web', 'eth0') }, ['eth0']],
    ['named by both', { target: minimal('stk-web', 'eth0'), nifs: ['lo', 'eth0'] }, ['lo', 'eth0']],
  ])('%s', async (_, options, names) => {
    const file = await complete(capture({ target: minimal('stk-web'), ...options }))
    expect((await interfacesOf(file)).map(({ name }) => name)).toEqual(names)
  })

  test('that are all down are captured on any, as the original does, and what comes up is in it', async () => {
    const pair = await makeNetnsPair()
    const ip = (...args: string[]) => must('ip', '-n', pair.receiver, 'link', 'set', ...args)
    for (const name of ['lo', 'b0']) await ip(name, 'down')
    const capturing = capture({ netns: statSync(`/run/netns/${pair.receiver}`).ino, nifs: ['any'] })
    await running(service, 1)
    await ip('lo', 'up')
    await must('nsenter', `--net=/run/netns/${pair.receiver}`, 'ping', '-q', '-c', '5', '-i', '0.02', '127.0.0.1')
    const file = await complete(capturing)
    expect((await interfacesOf(file)).map(({ name }) => name)).toEqual(['any'])
    expect((await pingsIn(file)).length).toBeGreaterThan(0)
    await pair.close()
  })

  test('a filter holds for every one of them', async () => {
    const capturing = capture({
      target: minimal('stk-web'),
      nifs: ['lo', 'eth0'],
      filter: 'icmp[icmptype] = icmp-echo',
    })
    await running(service, 1)
    await engine.docker('exec', 'stk-web', 'ping', '-c', '3', '127.0.0.1')
    const packets = await packetsOf(await complete(capturing))
    expect(new Set(packets.map(({ nif }) => nif))).toEqual(new Set(['lo', 'eth0']))
    expect(packets.filter(({ info }) => !info.includes('request'))).toEqual([])
  })

  test('are left as they are when the client is chaste', async () => {
    const capturing = capture({ target: minimal('stk-web', 'eth0'), chaste: true })
    await running(service, 1)
    const { pid, netns } = await listed('stk-web')
    const link = await must('nsenter', '-t', String(pid), '-n', 'ip', '-d', 'link', 'show', 'eth0')
    expect(link).toContain('promiscuity 0')
    expect(await must('capinfos', '-k', await complete(capturing))).toContain('no-promiscuous-mode: true')
    await expectNoDumpcap(netns)
  })
})

describe('what cannot be', () => {
  test.each<[string, Omit<CaptureOptions, 'base'>, RegExp]>([
    ['a container and a namespace', { target: minimal('stk-web'), netns: 1 }, /mutually exclusive/],
    ['neither of them', {}, /either container or netns query parameter required/],
    ['JSON that is none', { target: '{"name":' }, /invalid container\/target description/],
    ['JSON of another kind', { target: '[1]' }, /container\/target description/],
    ['a name that is a number', { target: { name: 7 } }, /description: name: /],
    ['a namespace that is no number', { netns: '0x10' }, /invalid netns "0x10"/],
    ['a namespace of zero', { netns: 0 }, /invalid netns "0"/],
    ['a namespace nobody has', { netns: 4_000_000_001 }, /^TARGET_NOT_FOUND: /],
    ['a container nobody has', { target: minimal('stk-wbe') }, /^TARGET_NOT_FOUND: .*stk-wbe/],
    ['an unknown interface', { target: minimal('stk-web'), nifs: ['eth7'] }, /^INTERFACE_NOT_FOUND: .*eth7/],
    ['a bad filter', { target: minimal('stk-web'), filter: 'tcp prt 80' }, /^FILTER_INVALID: /],
    ['a very long name', { target: minimal(`ä${'ö'.repeat(400)}`) }, /^TARGET_NOT_FOUND: .*…$/],
  ])('%s is told in the close frame', async (_, options, reason) => {
    const refused = capture(options)
    expect((await refused.status).status).toBe(101)
    const closed = await refused.closed
    expect(closed).toMatchObject({ code: 1008, reason: expect.stringMatching(reason), clean: true })
    expect(Buffer.byteLength(closed.reason)).toBeLessThanOrEqual(123)
    expect(refused.bytes()).toHaveLength(0)
  })
})

describe('the end', () => {
  test('comes with the container, and says so', async () => {
    await engine.container('stk-short', ['--network', 'yard'], ['ping', '-q', '-i', '0.1', 'stk-web'])
    const capturing = capture({ target: minimal('stk-short') })
    await running(service, 1)
    await until('packets come', () => packetsIn(capturing) > 5)
    await engine.docker('rm', '-f', 'stk-short')
    const closed = await capturing.closed
    expect(closed).toMatchObject({ code: 1000, clean: true })
    expect(closed.reason).toMatch(/^docker:stk-short has stopped|^interface \w+ of docker:stk-short was removed/)
    expect((await pingsIn(save(capturing))).length).toBeGreaterThan(2)
  })

  test('has the code of the client', async () => {
    for (const code of [1001, 3000, 4999]) {
      const capturing = capture({ target: minimal('stk-web') })
      await capturing.waitForBytes(100)
      const bytes = Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 0xff])
      capturing.socket.write(bytes)
      expect(await capturing.closed).toMatchObject({ code, reason: 'ciao' })
    }
  })

  test('is answered before dumpcap has ended, and counted by the service', async () => {
    const { netns } = await listed('stk-web')
    const capturing = capture({ target: minimal('stk-web', 'eth0') })
    await until('packets come', () => packetsIn(capturing) > 5)
    const [dumpcap = 0] = dumpcapsIn(netns)
    // A dumpcap that cannot move writes nothing that could be on its way.
    process.kill(dumpcap, 'SIGSTOP')
    await until('the last packets have come', async () => {
      const before = capturing.frames().length
      await captures(service)
      return capturing.frames().length === before
    })
    const frames = capturing.frames().length
    expect(await capturing.stop()).toEqual({ code: 1000, reason: 'ciao', clean: true, protocolError: undefined })
    expect(capturing.frames().slice(frames)).toEqual([{ opcode: 8, length: 6 }])
    expect(dumpcapsIn(netns)).toEqual([dumpcap])
    process.kill(dumpcap, 'SIGCONT')
    await expectNoDumpcap(netns)
    await until('the end is told', () => service.log().at(-1)?.msg === 'capture ended')
    expect(service.log().at(-1)).toMatchObject({ end: 'stopped', dropped: 0 })
  })

  test('of one capture is not that of another', async () => {
    const all = [1, 2, 3, 4, 5].map(number =>
      capture({ target: minimal('stk-web', 'eth0'), filter: number % 2 ? 'icmp' : 'arp' }),
    )
    for (const one of all) await one.waitForBytes(100)
    await running(service, 5)
    all[0]?.destroy()
    await all[1]?.stop()
    await until('three are left', async () => (await captures(service)).length === 3)
    const before = all[2]?.bytes().length ?? 0
    await until('packets come', () => (all[2]?.bytes().length ?? 0) > before)
    const files = await Promise.all(all.slice(2).map(one => one.stop()))
    expect(files.map(({ code }) => code)).toEqual([1000, 1000, 1000])
    const ids = service.log().flatMap(({ capture }) => (capture === undefined ? [] : [capture]))
    expect(new Set(ids).size).toBe(ids.length)
  })
})
