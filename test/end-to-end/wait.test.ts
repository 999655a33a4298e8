/** Targets that are not there yet, that go, and that come back. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { captureLog, startCapture, startWaiting, untilCaptured, untilLogged } from '../helpers/capture.ts'
import { interfacesOf, packetsOf, pingsIn } from '../helpers/capture-file.ts'
import { must, run, sleep, start, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { processesWith } from '../helpers/leaks.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { remora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { wiresharks } from '../helpers/wireshark.ts'

let engine: Docker
beforeAll(async () => {
  engine = await startDocker()
})
afterAll(() => engine?.close())

const pinging = ['ping', '-i', '0.2', '172.17.0.1']

/** Sequence numbers of pings to the bridge, and of those seen twice. */
async function sequences(file: string): Promise<{ seen: number[]; twice: number[] }> {
  const seen = await pingsIn(file)
  return { seen, twice: seen.filter((sequence, index) => seen.indexOf(sequence) !== index) }
}

/** Comments of packets, with the sequence number of the ping they are on. */
async function comments(file: string): Promise<string[]> {
  const { stdout } = await run(['tshark', '-r', file, '-Y', 'frame.comment', '-T', 'fields', '-e', 'frame.comment'])
  return stdout.split('\n').filter(line => line !== '')
}

describe('--wait', () => {
  test('captures a container from its first packet, none lost or doubled on the way to its interfaces', async () => {
    const file = join(scratch(), 'first.pcapng')
    const capture = await startWaiting(['--wait', 'first', '-w', file, '-a', 'packets:40'])
    await engine.container('first', [], pinging)
    const { status, stdout, stderr } = await capture.result
    expect(status, stderr).toBe(0)
    const { seen, twice } = await sequences(file)
    expect(seen.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
    expect(twice).toEqual([])
    const interfaces = await interfacesOf(file)
    // Each interface is described when its dumpcap is the first to tell.
    expect(interfaces.map(({ name, statistics }) => `${name} ${statistics}`).sort()).toEqual([
      'any 1',
      'eth0 1',
      'lo 1',
    ])
    expect(interfaces.reduce((sum, { packets }) => sum + packets, 0)).toBe(40)
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'ended',
      reference: 'docker:first',
      end: 'stop-condition',
      packets: 40,
      dropped: 0,
    })
    expect(await must('capinfos', '-k', file)).toMatch(/container-name: first container-type: docker/)
  })

  test('captures all of a container that lives for a moment only', async () => {
    const file = join(scratch(), 'moment.pcapng')
    const capture = await startWaiting(['--wait=20', 'moment', '-w', file])
    await engine.docker('run', '--name', 'moment', 'remora-test:1', 'ping', '-c', '4', '-i', '0.1', '172.17.0.1')
    expect((await capture.result).status).toBe(0)
    expect((await sequences(file)).seen).toEqual([0, 1, 2, 3])
  })

  test('lets go of the namespaces of others', async () => {
    const file = join(scratch(), 'never.pcapng')
    const capture = startCapture(['--wait=6', 'never', '-w', file])
    await capture.logged(`the engine at ${engine.socket} reports its containers`)
    await engine.container('other', [], pinging)
    await capture.logged('a namespace arrives')
    await until('nothing captures the other one', () => processesWith('LINUX_SLL2').length === 0, 4_000)
    const { status, stderr } = await capture.result
    expect([status, stderr]).toEqual([
      10,
      expect.stringMatching(/^remora: WAIT_TIMEOUT: never did not appear within 6 s\nhint: /),
    ])
    expect(processesWith('dumpcap')).toEqual([])
  })

  test('takes only what was asked for: one interface, a filter', async () => {
    const file = join(scratch(), 'filtered.pcapng')
    const args = ['--wait', 'filtered', '-w', file, '-i', 'eth0', '-f', 'icmp', '-a', 'packets:12']
    const capture = await startWaiting(args)
    await engine.container('filtered', [], ['sh', '-c', 'ping -q -c 3 127.0.0.1; exec ping -i 0.2 172.17.0.1'])
    expect((await capture.result).status).toBe(0)
    const packets = await packetsOf(file)
    expect(packets).toHaveLength(12)
    expect(packets.every(({ info }) => /Echo \(ping\)/.test(info) && !/127\.0\.0\.1/.test(info))).toBe(true)
  })

  test('a filter that does not fit the cooked header begins with the interfaces', async () => {
    const file = join(scratch(), 'ethernet.pcapng')
    const filter = 'ether proto 0x0800'
    const capture = await startWaiting(['--wait', 'ethernet', '-w', file, '-f', filter, '-a', 'packets:6'])
    await engine.container('ethernet', [], pinging)
    expect((await capture.result).status).toBe(0)
    expect(await packetsOf(file)).toHaveLength(6)
  })

  test('is direct when the target is there already', async () => {
    const { stdout } = await remora(['capture', '--wait', 'host', '--dry-run', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ route: 'direct' })
  })

  test('waits for a named namespace, and for an interface in it that is up', async () => {
    const file = join(scratch(), 'named.pcapng')
    const name = `rt-wait-${process.pid}`
    const capture = await startWaiting(['--wait', `named:${name}`, '-w', file, '-a', 'packets:2'])
    await must('ip', 'netns', 'add', name)
    try {
      await sleep(300)
      await must('ip', '-n', name, 'link', 'set', 'lo', 'up')
      await must('nsenter', `--net=/run/netns/${name}`, 'ping', '-c', '8', '-i', '0.1', '127.0.0.1')
      expect((await capture.result).status).toBe(0)
      expect((await pingsIn(file))[0]).toBe(1)
    } finally {
      await run(['ip', 'netns', 'del', name])
    }
  })

  test('ends without a word when asked to, and writes nothing', async () => {
    const file = join(scratch(), 'asked.pcapng')
    const capture = await startWaiting(['--wait', 'never', '-w', file])
    capture.child.kill('SIGINT')
    const { status, stdout, stderr } = await capture.result
    expect([status, JSON.parse(stdout), stderr]).toMatchObject([0, { event: 'waiting' }, ''])
    expect((await run(['ls', file, `${file}.partial`])).stdout).toBe('')
  })

  test('ends when nobody reads any more', async () => {
    const reader = start(['sleep', '1000'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const capture = await startWaiting(['--wait', 'never', '-w', '-'], { output: reader.child.stdin ?? undefined })
    reader.child.kill('SIGKILL')
    reader.child.stdin?.destroy()
    expect((await capture.result).status).toBe(0)
  })
})

describe.each(wiresharks.map(wireshark => [wireshark.version, wireshark] as const))(
  'Wireshark %s',
  (version, { startTshark }) => {
    test('waits for a container, and shows its first packets beside those of its interface', async () => {
      const home = wiresharkHome()
      const name = `shark-${version}`
      const file = join(scratch(), 'tshark.pcapng')
      const options = [`extcap.remora.reference:docker:${name}`, 'extcap.remora.wait:true'].flatMap(text => [
        '-o',
        text,
      ])
      const log = captureLog()
      const tshark = startTshark(['-i', 'remora', ...options, '-c', '20', '-w', file], home, log.env)
      await untilLogged(tshark, log, 'waiting for')
      await engine.container(name, [], pinging)
      const { status, stderr } = await tshark.result
      expect(status, stderr).toBe(0)
      expect((await pingsIn(file))[0]).toBe(0)
      expect([...new Set((await packetsOf(file)).map(({ nif }) => nif))]).toEqual(['any', 'eth0'])
    })
  },
)

describe('--follow', () => {
  test('goes on over 20 restarts of a container: one file, every life in it, the gaps written down', async () => {
    const file = join(scratch(), 'follow.pcapng')
    await engine.container('back', [], pinging)
    const capture = startCapture(['--follow', 'back', '-w', file, '--json'])
    await untilCaptured(file, 'icmp.type == 8', 1)
    for (let life = 1; life <= 20; life++) {
      await engine.docker('restart', 'back')
      // A comment is on the first packet of each life.
      await untilCaptured(file, 'frame.comment', life)
    }
    capture.child.kill('SIGINT')
    const { status, stdout, stderr } = await capture.result
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ end: 'stopped', complete: true, lives: 21, dropped: 0 })
    const gaps = await comments(file)
    expect(gaps).toHaveLength(20)
    gaps.forEach((gap, index) => {
      expect(gap).toMatch(
        new RegExp(`^docker:back, life ${index + 2} \\(netns \\d+\\): \\d+ ms after the last packet before$`),
      )
    })
    // Every life from its first packet on.
    expect((await pingsIn(file)).filter(sequence => sequence === 0)).toHaveLength(20)
    expect((await interfacesOf(file)).every(({ statistics }) => statistics === 1)).toBe(true)
    expect(processesWith('dumpcap')).toEqual([])
  }, 120_000)

  test('goes on when a namespace is removed and made again, up to the stop condition', async () => {
    const file = join(scratch(), 'again.pcapng')
    const first = await makeNetnsPair()
    const capture = startCapture([
      '--follow',
      `named:${first.receiver}`,
      '-i',
      'b0',
      '-w',
      file,
      '-a',
      'packets:8',
      '--json',
    ])
    await capture.armed()
    await first.ping(2)
    await untilCaptured(file, 'icmp', 4)
    await first.remake()
    await capture.logged(`named:${first.receiver} joins`)
    await first.ping(4)
    const { status, stdout, stderr } = await capture.result
    await first.close()
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ end: 'stop-condition', packets: 8, lives: 2 })
    expect(await packetsOf(file)).toHaveLength(8)
  })
})

describe('a reader that does not read', () => {
  test('does not keep a capture that follows from ending', async () => {
    const reader = start(['sleep', '1000'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const pair = await makeNetnsPair()
    try {
      const args = ['--follow', `named:${pair.receiver}`, '-w', '-', '-i', 'b0']
      const capture = startCapture(args, { output: reader.child.stdin ?? undefined })
      await capture.armed()
      await pair.ping(3_000, 0.002)
      capture.child.kill('SIGINT')
      const began = performance.now()
      await capture.result
      expect(performance.now() - began).toBeLessThan(12_000)
      expect(processesWith('dumpcap')).toEqual([])
    } finally {
      reader.child.kill('SIGKILL')
      await pair.close()
    }
  })
})
