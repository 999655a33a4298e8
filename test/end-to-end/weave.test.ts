/** Several containers in one capture, as they come, restart and go. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCapture, untilCaptured } from '../helpers/capture.ts'
import { interfacesOf } from '../helpers/capture-file.ts'
import { must, run } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { processesWith } from '../helpers/leaks.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { remora, startRemora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { serve } from '../helpers/service.ts'
import { wiresharks } from '../helpers/wireshark.ts'

let engine: Docker
beforeAll(async () => {
  engine = await startDocker()
})
afterAll(() => engine?.close())

const pinging = ['ping', '-i', '0.2', '172.17.0.1']

interface Frame {
  readonly nif: string
  readonly time: number
  readonly sequence: number
}

/** Pings to the bridge, in the order of the file. */
async function pings(file: string): Promise<Frame[]> {
  const fields = ['frame.interface_name', 'frame.time_epoch', 'icmp.seq']
  const { stdout, stderr } = await run([
    ...['tshark', '-r', file, '-Y', 'icmp.type == 8', '-T', 'fields', '-E', 'separator=|'],
    ...fields.flatMap(field => ['-e', field]),
  ])
  expect(stderr.replace(/Running as user.*\n/, '')).toBe('')
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [nif = '', time = '', sequence = ''] = line.split('|')
      return { nif, time: Number(time), sequence: Number(sequence) }
    })
}

/**
 * Three containers: one is there, one restarts, one starts and one stops while they are captured.
 * @param seen waits until the file that is written holds so many pings of a container
 */
async function play(prefix: string, seen: (name: string, count: number) => Promise<void>): Promise<void> {
  await seen('gone', 4)
  await engine.container(`${prefix}late`, [], pinging)
  await seen('back', 2)
  await engine.docker('restart', `${prefix}back`)
  await seen('late', 2)
  await engine.docker('stop', `${prefix}gone`)
  await seen('back', 12)
}

/** Looks into a capture file of the play while it is written. */
const inFile = (file: string, prefix: string) => (name: string, count: number) =>
  untilCaptured(file, `icmp.type == 8 && frame.interface_name == "${prefix}${name}/eth0"`, count)

async function prepare(prefix: string): Promise<void> {
  await engine.container(`${prefix}back`, [], pinging)
  await engine.container(`${prefix}gone`, [], pinging)
}

/** What the file of the play must hold. */
async function expectWhole(file: string, prefix: string, stopped = false): Promise<void> {
  const frames = await pings(file)
  const of = (name: string) => frames.filter(({ nif }) => nif.startsWith(`${prefix}${name}/`))
  expect([...new Set(frames.map(({ nif }) => nif))].sort()).toEqual(
    expect.arrayContaining(['back', 'gone', 'late'].map(name => `${prefix}${name}/eth0`)),
  )
  expect(of('late')[0]?.sequence).toBe(0)
  const lives = of('back').filter(({ sequence }) => sequence === 0)
  expect(lives.length).toBeGreaterThanOrEqual(1)
  const comments = await must('tshark', '-r', file, '-Y', 'frame.comment', '-T', 'fields', '-e', 'frame.comment')
  expect(comments.trim().split('\n')).toEqual([
    expect.stringMatching(
      new RegExp(`^docker:${prefix}back, life 2 \\(netns \\d+\\): \\d+ ms after the last packet before$`),
    ),
  ])
  // One whose interface went lost less than dumpcap's 250 ms and the stop itself.
  expect(of('gone').length).toBeGreaterThan(3)
  // In the order of time, but for what was held in the head of a container that had just come.
  const times = frames.map(({ time }) => time)
  const early = times.filter((time, index) => time < (times[index - 1] ?? 0) - 0.000_001).length
  expect(early).toBeLessThanOrEqual(4)
  // tshark ends its own dumpcap before the extcap, so what ends with the capture has no statistics in the file.
  expect((await interfacesOf(file)).every(({ statistics }) => statistics === 1 || (stopped && statistics === 0))).toBe(
    true,
  )
  await must('capinfos', file)
  const { stderr } = await run(['tcpdump', '-r', file, '-c', '1'])
  expect(stderr).not.toMatch(/bad|corrupt|truncated/i)
}

describe('several containers in one stream', () => {
  test('one is started, one restarted, one stopped: all of them are in it, with their names and the gap', async () => {
    await prepare('c-')
    const file = join(scratch(), 'three.pcapng')
    const args = ['--wait', '--follow', '-w', file, '--json']
    const capture = startCapture(['docker:c-back', 'docker:c-gone', 'docker:c-late', ...args])
    await play('c-', inFile(file, 'c-'))
    capture.child.kill('SIGINT')
    const { status, stdout, stderr } = await capture.result
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ end: 'stopped', complete: true, lives: 4, dropped: 0 })
    await expectWhole(file, 'c-')
    expect(processesWith('dumpcap')).toEqual([])
  }, 60_000)

  test('a label means every container that has it, also those that come later', async () => {
    const file = join(scratch(), 'label.pcapng')
    await engine.container('l-one', ['--label', 'tier=front'], pinging)
    await engine.container('l-two', ['--label', 'tier=front'], pinging)
    const capture = startCapture(['label:tier=front', '--follow', '-i', 'eth0', '-w', file, '--json'])
    for (const name of ['one', 'two']) await inFile(file, 'l-')(name, 1)
    await engine.container('l-three', ['--label', 'tier=front'], pinging)
    await inFile(file, 'l-')('three', 1)
    capture.child.kill('SIGINT')
    expect((await capture.result).status).toBe(0)
    const frames = await pings(file)
    const names = ['l-one/eth0', 'l-three/eth0', 'l-two/eth0']
    expect([...new Set(frames.map(({ nif }) => nif))].sort()).toEqual(expect.arrayContaining(names))
    expect(frames.find(({ nif }) => nif.startsWith('l-three'))?.sequence).toBe(0)
  }, 60_000)

  test('ends when the last of them has gone; what is not there is refused at once', async () => {
    const file = join(scratch(), 'last.pcapng')
    await engine.container('e-one', [], pinging)
    await engine.container('e-two', [], pinging)
    const capture = startCapture(['e-one', 'e-two', '-w', file, '--json'])
    await capture.armed()
    await engine.docker('kill', 'e-one')
    await capture.logged('a life of docker:e-one ended')
    await inFile(file, 'e-')('two', 1)
    expect(capture.child.exitCode).toBeNull()
    await engine.docker('kill', 'e-two')
    const { status, stdout } = await capture.result
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ end: 'target-gone', complete: true, lives: 2 })
    const missing = await remora(['capture', 'host', 'e-nobody', '-w', file])
    expect([missing.status, missing.stderr]).toEqual([
      3,
      expect.stringMatching(/^remora: TARGET_NOT_FOUND: .*e-nobody/),
    ])
  }, 60_000)

  test('the plan says why it is woven, and what of', async () => {
    const pair = await makeNetnsPair()
    const dry = async (...args: string[]) =>
      JSON.parse((await remora(['capture', ...args, '--dry-run', '--json'])).stdout)
    try {
      const [one, two] = [`named:${pair.receiver}`, `named:${pair.sender}`]
      expect(await dry(one)).toMatchObject({ route: 'direct', reasons: [] })
      expect(await dry(one, '--follow')).toMatchObject({ route: 'woven', reasons: ['follow'] })
      expect(await dry(one, '--direction')).toMatchObject({ route: 'woven', reasons: ['direction'] })
      const both = await dry(one, two)
      expect(both).toMatchObject({ route: 'woven', reasons: ['2 targets'], window: 300, name: expect.any(String) })
      expect(both.sources).toHaveLength(2)
    } finally {
      await pair.close()
    }
  })
})

describe('an interface that comes later', () => {
  test('joins, one that goes ends nothing, one that comes again joins again', async () => {
    const pair = await makeNetnsPair()
    const file = join(scratch(), 'later.pcapng')
    try {
      const capture = startCapture([`named:${pair.receiver}`, '--follow', '-w', file, '--json'])
      await capture.armed()
      const [ns, other] = [pair.receiver, pair.sender]
      for (const round of [1, 2]) {
        await must('ip', '-n', ns, 'link', 'add', 'late0', 'type', 'veth', 'peer', 'name', 'far0', 'netns', other)
        await must('ip', '-n', ns, 'addr', 'add', `10.98.${round}.1/24`, 'dev', 'late0')
        await must('ip', '-n', other, 'addr', 'add', `10.98.${round}.2/24`, 'dev', 'far0')
        await must('ip', '-n', other, 'link', 'set', 'far0', 'up')
        await must('ip', '-n', ns, 'link', 'set', 'late0', 'up')
        await capture.logged('/late0 is captured', round)
        await must('nsenter', `--net=/run/netns/${ns}`, 'ping', '-c', '3', '-i', '0.1', `10.98.${round}.2`)
        await untilCaptured(file, 'icmp && frame.interface_name == "late0"', 6 * round)
        await must('ip', '-n', ns, 'link', 'del', 'late0')
        await capture.logged('/late0 ended', round)
      }
      await pair.ping(2)
      capture.child.kill('SIGINT')
      const { status, stdout } = await capture.result
      expect(status).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ complete: true, lives: 1 })
      const frames = await pings(file)
      expect(frames.filter(({ nif }) => nif === 'late0')).toHaveLength(6)
      expect(frames.filter(({ nif }) => nif === 'b0')).toHaveLength(2)
    } finally {
      await pair.close()
    }
  }, 60_000)
})

describe('directions', () => {
  test('of every packet, so that Wireshark filters by them', async () => {
    const pair = await makeNetnsPair()
    const file = join(scratch(), 'directions.pcapng')
    try {
      const capture = startCapture([`named:${pair.receiver}`, '--direction', '-w', file])
      await capture.armed()
      await pair.ping(3)
      capture.child.kill('SIGINT')
      expect((await capture.result).status).toBe(0)
      const count = async (filter: string) =>
        (await must('tshark', '-r', file, '-Y', filter)).split('\n').filter(line => line !== '').length
      expect(await count('icmp.type == 8 && frame.packet_flags_direction == 1')).toBe(3)
      expect(await count('icmp.type == 0 && frame.packet_flags_direction == 2')).toBe(3)
      expect(await count('frame.packet_flags_direction == 0')).toBe(0)
      expect(await count('!frame.packet_flags')).toBe(0)
    } finally {
      await pair.close()
    }
  })
})

describe.each(wiresharks.map(wireshark => [wireshark.version, wireshark] as const))(
  'Wireshark %s',
  (version, { startTshark }) => {
    test('shows containers that start, restart and stop in one capture', async () => {
      const prefix = `w${version.replaceAll('.', '')}-`
      await prepare(prefix)
      const file = join(scratch(), 'tshark.pcapng')
      const targets = ['back', 'gone', 'late'].map(name => `docker:${prefix}${name}`).join(' ')
      const options = [
        `extcap.remora.reference:${targets}`,
        'extcap.remora.wait:true',
        'extcap.remora.follow:true',
      ].flatMap(text => ['-o', text])
      const tshark = startTshark(['-i', 'remora', ...options, '-w', file], wiresharkHome())
      await play(prefix, inFile(file, prefix))
      tshark.child.kill('SIGINT')
      const { status, stderr } = await tshark.result
      expect(status, stderr).toBe(0)
      await expectWhole(file, prefix, true)
    }, 60_000)
  },
)

describe('over a service', () => {
  test('the same three', async () => {
    await prepare('s-')
    const service = await serve()
    const file = join(scratch(), 'service.pcapng')
    try {
      const targets = ['docker:s-back', 'docker:s-gone', 'docker:s-late']
      const args = ['--wait', '--follow', '-w', file, '--json', '--host', service.url]
      const capture = startRemora(['capture', ...targets, ...args])
      await play('s-', inFile(file, 's-'))
      capture.child.kill('SIGINT')
      const { status, stdout, stderr } = await capture.result
      expect(status, stderr).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ end: 'stopped', lives: 4, dropped: 0 })
      await expectWhole(file, 's-')
    } finally {
      await service.close()
    }
  }, 60_000)
})

test('a disk that fills up ends a woven capture with what it has', async () => {
  const place = scratch()
  await must('mount', '-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', place)
  const pair = await makeNetnsPair()
  try {
    const file = join(place, 'full.pcapng')
    const capture = startCapture([`named:${pair.receiver}`, '--direction', '-w', file])
    await capture.armed()
    writeFileSync(join(place, 'ballast'), Buffer.alloc(100_000))
    await pair.ping(1_000, 0.002)
    const { status, stderr } = await capture.result
    expect([status, stderr]).toEqual([7, expect.stringMatching(/the disk is full/)])
    await must('capinfos', file)
  } finally {
    await pair.close()
    await must('umount', place)
  }
}, 60_000)
