/** A capture that another remora runs, on the command line: everything a local capture does, and nothing left on either side. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { interfacesOf, pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Running, run, sleep, start, until } from '../helpers/command.ts'
import { expectNoDumpcap, untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { memoryOf } from '../helpers/process.ts'
import { environment, executable, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { type Served, serve } from '../helpers/served.ts'

let pair: NetnsPair
let inode: number
let service: Served
let folder: string
const started: Running[] = []
beforeAll(async () => {
  pair = await makeNetnsPair()
  inode = statSync(`/run/netns/${pair.receiver}`).ino
  service = await serve()
  folder = scratch()
})
afterEach(async () => {
  for (const { child } of started.splice(0)) await end(child)
  await until('the service has no capture', async () => (await service.captures()).length === 0, 5_000)
  await expectNoDumpcap(inode)
})
afterAll(async () => {
  await service?.close()
  await pair?.close()
})

const target = () => `named:${pair.receiver}`
const capture = (...args: string[]) => ['capture', target(), '--host', service.address, ...args]

function begin(...args: string[]): Running {
  const running = startRemora(capture(...args))
  started.push(running)
  return running
}

/** Another service, for one test. */
async function serveToo(...args: string[]): Promise<Served> {
  const other = await serve(args)
  started.push(other.running)
  return other
}

async function armed(): Promise<void> {
  await until(
    'the capture is armed',
    async () => (await service.captures()).some(({ phase }) => phase === 'running'),
    20_000,
  )
  // Packets of the first moment reach the file late.
  await sleep(300)
}

describe('to a file', () => {
  test('until SIGINT: whole, with statistics, and a report of both ends', async () => {
    const file = join(folder, 'whole.pcapng')
    const running = begin('-w', file, '-f', 'icmp', '-i', 'b0', '--json')
    await armed()
    expect(await service.captures()).toMatchObject([{ target: target(), filter: 'icmp', interfaces: ['b0'] }])
    await pair.ping(5)
    running.child.kill('SIGINT')
    const { status, stdout, stderr } = await running.result
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({
      reference: target(),
      end: 'stopped',
      complete: true,
      interfaces: [{ name: 'b0', received: 10, dropped: 0 }],
      packets: 10,
      dropped: 0,
      seconds: expect.any(Number),
      file,
    })
    expect(await pingsIn(file)).toEqual([1, 2, 3, 4, 5])
    expect(await interfacesOf(file)).toMatchObject([{ name: 'b0', packets: 10, statistics: 1 }])
    expect(readdirSync(folder).filter(name => name.endsWith('.partial'))).toEqual([])
  })

  test.each([
    ['packets:4', { packets: 4 }],
    ['duration:1.5', {}],
    ['filesize:1', {}],
  ])('stops at %s by itself', async (condition, report) => {
    const file = join(folder, `${condition}.pcapng`)
    const running = begin('-w', file, '-a', condition, '--json')
    await armed()
    await pair.ping(20)
    const { status, stdout } = await running.result
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ end: 'stop-condition', complete: true, ...report })
    expect((await interfacesOf(file)).map(({ statistics }) => statistics)).toEqual([1, 1])
  })

  test('a snapshot length and names are as they were asked for', async () => {
    const file = join(folder, 'snap.pcapng')
    const running = begin('-w', file, '-s', '60', '-p', '--no-names', '-a', 'packets:2', '-f', 'icmp')
    await armed()
    await pair.ping(1)
    expect((await running.result).status).toBe(0)
    expect(await must('tshark', '-r', file, '-T', 'fields', '-e', 'frame.cap_len')).toBe('60\n60\n')
    expect(await must('capinfos', '-k', file)).toMatch(/no-promiscuous-mode: true/)
  })

  test('a second signal ends it at once, although the service does not answer any more', async () => {
    const file = join(folder, 'second.pcapng')
    const running = begin('-w', file)
    await armed()
    await pair.ping(2)
    await until('packets are there', () => statSync(`${file}.partial`).size > 400)
    service.running.child.kill('SIGSTOP')
    try {
      running.child.kill('SIGINT')
      await sleep(700)
      const asked = performance.now()
      running.child.kill('SIGINT')
      expect((await running.result).status).toBe(0)
      expect(performance.now() - asked).toBeLessThan(1_500)
    } finally {
      service.running.child.kill('SIGCONT')
    }
    expect((await run(['capinfos', file])).status).toBe(0)
  })

  test('a service that is killed is a failure; what came by then can be read', async () => {
    const other = await serveToo()
    const file = join(folder, 'killed.pcapng')
    const running = startRemora(['capture', target(), '--host', other.address, '-w', file])
    started.push(running)
    await untilReading(inode)
    await pair.ping(3)
    await until('packets are there', async () => (await pingsIn(`${file}.partial`).catch(() => [])).length === 3)
    other.running.child.kill('SIGKILL')
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      8,
      expect.stringMatching(/^remora: PEER_FAILED: http:\/\/127\.0\.0\.1:\d+ broke/),
    ])
    expect(await pingsIn(file)).toEqual([1, 2, 3])
  })

  test('a service that ends in good order is none', async () => {
    const other = await serveToo()
    const file = join(folder, 'ended.pcapng')
    const running = startRemora(['capture', target(), '--host', other.address, '-w', file, '--json'])
    started.push(running)
    await untilReading(inode)
    await pair.ping(3)
    await other.close()
    const { status, stdout, stderr } = await running.result
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({ complete: true })
    expect(await pingsIn(file)).toEqual([1, 2, 3])
  })
})

describe('to standard output', () => {
  test('packets go down a pipe to tshark, the report to standard error', async () => {
    const line = '"$0" "$@" -w - | tshark -r - -Y icmp.type==8 -T fields -e icmp.seq'
    const running = start(['sh', '-c', line, executable, ...capture('-a', 'packets:6', '-f', 'icmp', '--json')], {
      env: environment(),
    })
    started.push(running)
    await armed()
    await pair.ping(3)
    const { stdout, stderr } = await running.result
    expect(stdout).toBe('1\n2\n3\n')
    expect(stderr).toMatch(/\{"reference":"named:[^}]*"end":"stop-condition"/)
  })

  test('a reader that goes away ends it everywhere, although nothing is sent', async () => {
    const running = start(['sh', '-c', '"$0" "$@" -w - | head -c 100 | wc -c', executable, ...capture()], {
      env: environment(),
    })
    started.push(running)
    await armed()
    await until('the service has no capture', async () => (await service.captures()).length === 0, 3_000)
    expect((await running.result).stdout).toBe('100\n')
  })

  test('a reader that does not read costs no memory, and may go on', async () => {
    const running = spawn(executable, capture('-w', '-'), {
      env: environment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    running.stdout.pause()
    try {
      await armed()
      const before = memoryOf(running.pid ?? 0)
      await must(
        ...['nsenter', `--net=/run/netns/${pair.sender}`, 'ping', '-q', '-f', '-s', '60000', '-c', '800', '10.213.7.2'],
      )
      await sleep(1_000)
      expect(memoryOf(running.pid ?? 0) - before).toBeLessThan(40)
      running.kill('SIGINT')
      running.stdout.resume()
      const [status] = await once(running, 'exit')
      expect(status).toBe(0)
    } finally {
      await end(running)
    }
  })
})

describe('waiting', () => {
  test('for a target that is not there, and going on when it comes back', async () => {
    const other = await makeNetnsPair()
    const file = join(folder, 'follow.pcapng')
    const ended = async () => (await run(['ip', 'netns', 'del', other.receiver])).status
    await ended()
    const running = startRemora([
      ...['capture', `named:${other.receiver}`, '--host', service.address],
      ...['--wait=30', '--follow', '-w', file, '--json', '-f', 'icmp'],
    ])
    started.push(running)
    await until('it waits', async () => (await service.captures()).some(({ phase }) => phase === 'waiting'), 20_000)
    for (const _ of ['first life', 'second life']) {
      await other.remake()
      const life = statSync(`/run/netns/${other.receiver}`).ino
      await untilReading(life)
      await other.ping(50)
      // The last packets are on their way for a quarter of a second.
      await sleep(700)
    }
    running.child.kill('SIGINT')
    const { status, stdout, stderr } = await running.result
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({ end: 'stopped', complete: true, lives: 2 })
    const each = Array.from({ length: 50 }, (_, index) => index + 1)
    expect(await pingsIn(file)).toEqual([...each, ...each])
    await other.close()
  })

  test('in vain ends with WAIT_TIMEOUT, and writes nothing', async () => {
    const file = join(folder, 'vain.pcapng')
    const args = ['capture', 'named:never', '--host', service.address, '--wait=1', '-w', file]
    expect(await remora(args)).toMatchObject({ status: 10, stderr: expect.stringMatching(/^remora: WAIT_TIMEOUT: /) })
    expect(existsSync(file)).toBe(false)
  })

  test('ends at once when asked to', async () => {
    const file = join(folder, 'asked.pcapng')
    const running = startRemora(['capture', 'named:never', '--host', service.address, '--wait', '-w', file])
    started.push(running)
    await until('it waits', async () => (await service.captures()).some(({ phase }) => phase === 'waiting'), 20_000)
    running.child.kill('SIGINT')
    expect(await running.result).toMatchObject({ status: 0, stderr: '' })
    expect(existsSync(file)).toBe(false)
  })
})

describe('what the service has against it arrives with its code, and leaves no file', () => {
  test.each<[string, string[], number, RegExp]>([
    ['an unknown target', ['named:gone'], 3, /^remora: TARGET_NOT_FOUND: .*gone\nhint: /],
    ['a bad filter', ['host', '-f', 'tcp prt'], 6, /^remora: FILTER_INVALID: the capture filter "tcp prt" .*\nhint: /],
    ['an unknown interface', ['host', '-i', 'nope'], 6, /^remora: INTERFACE_NOT_FOUND: .*\nhint: /],
    ['no reference', ['pid:x'], 2, /^remora: USAGE: "pid:x" is no target reference/],
  ])('%s', async (_, args, exit, message) => {
    const file = join(folder, 'refused.pcapng')
    expect(await remora(['capture', ...args, '--host', service.address, '-w', file])).toMatchObject({
      status: exit,
      stdout: '',
      stderr: expect.stringMatching(message),
    })
    expect(readdirSync(folder).filter(name => name.startsWith('refused'))).toEqual([])
  })

  test('too many captures', async () => {
    const other = await serveToo('--max-captures', '1')
    const file = join(folder, 'limit.pcapng')
    const running = startRemora(['capture', target(), '--host', other.address, '-w', join(folder, 'first.pcapng')])
    started.push(running)
    await untilReading(inode)
    expect(await remora(['capture', target(), '--host', other.address, '-w', file])).toMatchObject({
      status: 9,
      stderr: expect.stringMatching(/^remora: LIMIT: /),
    })
    expect(existsSync(file)).toBe(false)
    running.child.kill('SIGINT')
    await running.result
    await other.close()
  })

  test('too many interfaces of all merged captures together, until one has ended', async () => {
    const other = await serveToo('--max-interfaces', '2')
    const file = join(folder, 'limit.pcapng')
    const both = ['capture', target(), `named:${pair.sender}`, '--host', other.address]
    const running = startRemora([...both, '-w', join(folder, 'first.pcapng')])
    started.push(running)
    await untilReading(inode)
    const merged = ['capture', target(), '--direction', '-a', 'duration:1', '--host', other.address, '-w', file]
    expect(await remora(merged)).toMatchObject({
      status: 9,
      stderr: expect.stringMatching(
        /^remora: LIMIT: 1 interfaces? of .* too many now: .* at most 2 interfaces one by one, and 2 already\nhint: Name fewer/,
      ),
    })
    expect(existsSync(file)).toBe(false)
    running.child.kill('SIGINT')
    expect((await running.result).stderr).toMatch(/^2 interfaces of .* are up: any is captured in place of each/)
    expect((await remora(merged)).status).toBe(0)
    await other.close()
  })

  test('a target that joins when there is no place is told of, and the others go on', async () => {
    const other = await serveToo('--max-interfaces', '1')
    const file = join(folder, 'joins.pcapng')
    const name = `${pair.receiver}-later`
    const running = startRemora(
      ['capture', '--wait', target(), `named:${name}`, '--host', other.address, '-w', file].concat('--json'),
    )
    started.push(running)
    await untilReading(inode)
    await must('ip', 'netns', 'add', name)
    await must('ip', '-n', name, 'link', 'set', 'lo', 'up')
    await until('it is told', () => running.stderr().includes('is not captured'), 20_000)
    await must('ip', 'netns', 'del', name)
    running.child.kill('SIGINT')
    const { status, stdout, stderr } = await running.result
    expect([status, stderr]).toEqual([0, expect.stringMatching(/-later has come and is not captured: .* too many now/)])
    expect(JSON.parse(stdout)).toMatchObject({ complete: false, missedInterfaces: [`${name}/lo`] })
    await other.close()
  })

  test.each([
    [
      'nobody listens',
      '127.0.0.1:1',
      8,
      /^remora: PEER_FAILED: cannot reach http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*\nhint: Is/,
    ],
    ['there is no such socket', 'unix:/run/none.sock', 8, /cannot reach unix:\/run\/none\.sock: .*\nhint: There is no/],
    ['it is no address', 'http://:secret@', 2, /^remora: USAGE: "http:\/\/…@" is no address/],
    ['it is empty', '', 2, /^remora: USAGE: "" is no address/],
  ])('%s', async (_, host, exit, message) => {
    expect(await remora(['list', '--host', host])).toMatchObject({
      status: exit,
      stderr: expect.stringMatching(message),
    })
  })
})

test('a dry run shows what the service would do, and does nothing', async () => {
  const people = await remora(capture('--dry-run', '-i', 'b0', '-f', 'icmp'))
  expect(people.stdout).toMatch(new RegExp(`^netns {7}${inode}\\ninterfaces {2}b0\\nfilter {6}icmp$`, 'm'))
  const { status, stdout } = await remora(capture('--dry-run', '--json', '-i', 'b0', '-f', 'icmp'))
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ reference: target(), netns: inode, interfaces: ['b0'] })
  expect(JSON.parse(stdout)).not.toHaveProperty('path')
})

test('a dry run that is asked to end while nothing answers ends without a word', async () => {
  const connected = Promise.withResolvers<void>()
  const server = createServer(() => connected.resolve()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const running = startRemora(['capture', 'host', '--dry-run', '--host', `127.0.0.1:${port}`])
  started.push(running)
  await connected.promise
  running.child.kill('SIGINT')
  expect(await running.result).toMatchObject({ status: 0, stdout: '', stderr: '' })
  server.close()
})

describe('the list of another host', () => {
  test('is the same as there', async () => {
    const here = await remora(['list', pair.receiver, '--json'])
    const there = await remora(['list', pair.receiver, '--json', '--host', service.address])
    expect(JSON.parse(there.stdout)).toEqual(JSON.parse(here.stdout))
    expect(JSON.parse(there.stdout)).toMatchObject([{ reference: target(), netns: inode }])
    expect((await remora(['list', pair.receiver, '--host', `http://${service.address}/`])).stdout).toMatch(
      new RegExp(`^NAME .*\n.*${pair.receiver}.* lo b0`),
    )
    expect(await remora(['list', 'nothing-like-this', '--host', service.address])).toMatchObject({ status: 3 })
  })

  test('goes on with --watch, until the service is gone', async () => {
    const other = await serveToo()
    const running = startRemora(['list', pair.receiver.slice(0, 8), '--watch', '--json', '--host', other.address])
    started.push(running)
    let text = ''
    running.child.stdout?.on('data', chunk => {
      text += chunk
    })
    await until('it begins', () => text.includes(pair.receiver), 20_000)
    await pair.remake()
    inode = statSync(`/run/netns/${pair.receiver}`).ino
    await until('the change is told', () => text.includes(`"netns":${inode}`), 20_000)
    await other.close()
    expect(await running.result).toMatchObject({ status: 8, stderr: expect.stringMatching(/PEER_FAILED/) })
    const events = text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(events[0]).toMatchObject({ seq: 1, event: 'appear' })
  })
})
