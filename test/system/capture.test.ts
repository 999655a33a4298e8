/** A local capture in every way it can end: what is in the file, what is said, and that nothing is left. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startCapture, untilCaptured } from '../helpers/capture.ts'
import { interfacesOf, packetsOf, pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Running, run, sleep, start, until } from '../helpers/command.ts'
import { dumpcapsIn, expectNoDumpcap, processesWith, untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { environment, executable, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const started: Running[] = []
let pair: NetnsPair
let inode: number
let folder: string
let file: string
beforeAll(async () => {
  pair = await makeNetnsPair()
  inode = statSync(`/run/netns/${pair.receiver}`).ino
  await pair.ping(1)
})
afterAll(() => pair.close())
afterEach(async () => {
  for (const { child } of started.splice(0)) await end(child)
})
beforeEach(() => {
  folder = scratch()
  file = join(folder, 'packets.pcapng')
})

const target = () => `named:${pair.receiver}`

/** Starts a capture and waits until it is armed. */
async function armed(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const running = startCapture([target(), ...args], { env })
  started.push(running)
  await running.armed()
  return running
}

async function stop(running: Running, signal: NodeJS.Signals = 'SIGTERM') {
  running.child.kill(signal)
  return running.result
}

describe('what is captured', () => {
  test('every interface that is up, each with its own description and statistics', async () => {
    const running = await armed(['-w', file, '--json'])
    await pair.ping(5)
    const { status, stdout } = await stop(running)
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      end: 'stopped',
      packets: 10,
      dropped: 0,
      file,
      interfaces: [{ name: 'lo' }, { name: 'b0' }],
    })
    expect(await interfacesOf(file)).toMatchObject([
      { name: 'lo', packets: 0, statistics: 1 },
      { name: 'b0', description: `netns ${inode}`, packets: 10, statistics: 1 },
    ])
    expect(await pingsIn(file)).toEqual([1, 2, 3, 4, 5])
  })

  test('the filter holds for every interface, not only for the last', async () => {
    const running = await armed(['-w', file, '-f', 'icmp', '-i', 'b0', '-i', 'lo'])
    const udp = `require('dgram').createSocket('udp4').send('x', 9, '127.0.0.1', () => process.exit())`
    await must('nsenter', `--net=/run/netns/${pair.receiver}`, process.execPath, '-e', udp)
    await must('nsenter', `--net=/run/netns/${pair.receiver}`, 'ping', '-q', '-c', '1', '127.0.0.1')
    await pair.ping(1)
    expect((await stop(running)).status).toBe(0)
    const packets = await packetsOf(file)
    // A reply on lo shows the UDP packet as unreachable: ICMP too, and only that.
    expect(packets.filter(({ nif }) => nif === 'lo').length).toBeGreaterThanOrEqual(2)
    expect(packets.every(({ info }) => /ping|unreachable/.test(info))).toBe(true)
  })

  test('without an interface that is up, and with too many, any is captured, and a line says so', async () => {
    const other = await makeNetnsPair()
    const there = statSync(`/run/netns/${other.receiver}`).ino
    const ip = (...args: string[]) => must('ip', '-n', other.receiver, ...args)
    for (const name of ['lo', 'b0']) await ip('link', 'set', name, 'down')
    const begin = async (...args: string[]) => {
      const running = startCapture([`named:${other.receiver}`, '-w', file, '--json', ...args])
      await running.armed()
      return running
    }
    const idle = await begin()
    await ip('link', 'set', 'b0', 'up')
    await ip('neigh', 'replace', '10.213.7.1', 'lladdr', '02:00:00:00:00:01', 'dev', 'b0', 'nud', 'permanent')
    await other.ping(2)
    const first = await stop(idle)
    expect([first.status, first.stderr]).toEqual([
      0,
      expect.stringMatching(/^no interface of .* is up: any is captured/),
    ])
    expect([await pingsIn(file), JSON.parse(first.stdout).complete]).toEqual([[1, 2], true])

    const lines = Array.from({ length: 130 }, (_, index) => `link add m${index} type bridge\nlink set m${index} up\n`)
    const batch = start(['ip', '-n', other.receiver, '-batch', '-'], { stdio: ['pipe', 'pipe', 'pipe'] })
    batch.child.stdin?.end(lines.join(''))
    await batch.result
    for (const how of [[], ['--direction']]) {
      const running = await begin(...how)
      expect(dumpcapsIn(there)).toHaveLength(1)
      await other.ping(2)
      const { status, stderr } = await stop(running)
      expect([status, stderr]).toEqual([0, expect.stringMatching(/^131 interfaces of .* are up: any is captured/)])
      expect(await pingsIn(file)).toEqual([1, 2])
    }
    await other.close()
  })

  test('a filter that means nothing on one interface leaves that out, and says so; whoever asks for it is told the way', async () => {
    const other = await makeNetnsPair()
    const ip = (...args: string[]) => must('ip', '-n', other.receiver, ...args)
    const tun = async (name: string) => {
      await ip('tuntap', 'add', 'mode', 'tun', 'name', name)
      await ip('link', 'set', name, 'up')
    }
    const args = [`named:${other.receiver}`, '-f', 'arp', '-w', file, '--json']
    await tun('tun0')
    const said = /^tun0 of \S+ left out: the capture filter "arp" is not valid on tun0: expression rejects all packets$/
    const { status, stdout, stderr } = await remora(['capture', ...args, '-a', 'duration:0.2'])
    expect([status, stderr.trim()]).toEqual([0, expect.stringMatching(said)])
    const names = (text: string) => JSON.parse(text).interfaces.map(({ name }: { name: string }) => name)
    expect([names(stdout), JSON.parse(stdout).complete]).toEqual([['lo', 'b0'], true])
    const asked = await remora(['capture', ...args, '-i', 'tun0', '-i', 'b0', '-a', 'duration:0.2'])
    expect([asked.status, asked.stderr]).toEqual([6, expect.stringMatching(/hint: .* -i b0$/m)])
    const plan = await remora(['capture', `named:${other.receiver}`, '-f', 'arp', '--dry-run'])
    expect(plan.stdout).toMatch(/^note +tun0 of .* left out: /m)

    const running = startCapture([...args, '--direction'])
    await running.armed()
    await tun('tun1')
    await until('it tells of the new one', () =>
      /tun1 has come up in .* and cannot be captured: /.test(running.stderr()),
    )
    const end = await stop(running)
    expect([end.status, names(end.stdout).toSorted(), JSON.parse(end.stdout)]).toMatchObject([
      ...[0, ['b0', 'lo'], { complete: false, missedInterfaces: ['tun1'] }],
    ])
    await other.close()
  })

  test('any is one cooked interface, and only when asked for', async () => {
    const running = await armed(['-w', file, '-i', 'any'])
    await pair.ping(2)
    await stop(running)
    expect((await interfacesOf(file)).map(({ name }) => name)).toEqual(['any'])
    expect(await pingsIn(file)).toEqual([1, 2])
  })

  test('snapshot length and promiscuous mode are handed on', async () => {
    const running = await armed(['-w', file, '-s', '60', '-p'])
    await pair.ping(1)
    await stop(running)
    const lengths = await must('tshark', '-r', file, '-T', 'fields', '-e', 'frame.cap_len', '-e', 'frame.len')
    expect(lengths.split('\n')[0]).toBe('60\t98')
    expect(await must('capinfos', '-k', file)).toContain('no-promiscuous-mode: true')
  })

  test.each([5, 60, 150, 250])('a packet that arrived %d ms before the stop is in the file', async gap => {
    const running = await armed(['-w', file])
    await pair.ping(1)
    await sleep(gap)
    await stop(running)
    expect(await pingsIn(file)).toEqual([1])
  })
})

describe('stop conditions', () => {
  test('a number of packets', async () => {
    const running = await armed(['-w', file, '-a', 'packets:4', '--json'])
    await pair.ping(5)
    const { status, stdout } = await running.result
    expect([status, JSON.parse(stdout).end]).toEqual([0, 'stop-condition'])
    expect(await packetsOf(file)).toHaveLength(4)
  })

  test('a duration, with everything that arrived within it', async () => {
    const running = await armed(['-w', file, '-a', 'duration:1'])
    await sleep(800)
    await pair.ping(1)
    expect((await running.result).status).toBe(0)
    expect(await pingsIn(file)).toEqual([1])
  })

  test('a size', async () => {
    const running = await armed(['-w', file, '-a', 'filesize:2'])
    await pair.ping(20)
    expect((await running.result).status).toBe(0)
    expect(statSync(file).size).toBeLessThan(4_096)
  })
})

describe('the output', () => {
  test('a pipe is readable by tshark', async () => {
    const running = await armed(['-w', file])
    await stop(running)
    const child = spawn(
      'sh',
      ['-c', `"$0" capture ${target()} -a packets:2 | tshark -r - -T fields -e icmp.seq`, executable],
      {
        env: environment(),
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    let text = ''
    child.stdout.on('data', chunk => {
      text += chunk
    })
    await untilReading(inode)
    await pair.ping(1)
    await until('the pipe ends', () => child.exitCode !== null)
    expect(text.trim()).toBe('1\n1')
  })

  test('a file has its name only when it is complete, and replaces an older one then', async () => {
    writeFileSync(file, 'old')
    const running = await armed(['-w', file])
    expect(readFileSync(file, 'utf8')).toBe('old')
    expect(existsSync(`${file}.partial`)).toBe(true)
    await stop(running)
    expect(existsSync(`${file}.partial`)).toBe(false)
    expect(await packetsOf(file)).toEqual([])
  })

  test('a failed start leaves an older file alone, and nothing else', async () => {
    writeFileSync(file, 'old')
    const { status } = await remora(['capture', target(), '-i', 'nope', '-w', file])
    expect(status).toBe(6)
    expect(readFileSync(file, 'utf8')).toBe('old')
    expect(existsSync(`${file}.partial`)).toBe(false)
  })

  test('a device is written to, never renamed or removed', async () => {
    const running = await armed(['-w', '/dev/null'])
    expect((await stop(running)).status).toBe(0)
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  test('a folder that belongs to somebody else is no obstacle for root', async () => {
    chownSync(folder, 65534, 65534)
    chmodSync(folder, 0o700)
    const running = await armed(['-w', file])
    expect((await stop(running)).status).toBe(0)
    expect(existsSync(file)).toBe(true)
  })

  test('what a link leads to is replaced, not the link', async () => {
    const link = join(folder, 'link.pcapng')
    writeFileSync(file, 'old')
    symlinkSync(file, link)
    await stop(await armed(['-w', link]))
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(await packetsOf(file)).toEqual([])
  })

  test('/dev/stdout is standard output', async () => {
    const child = spawn('sh', ['-c', `"$0" capture ${target()} -a packets:2 -w /dev/stdout >"$1"`, executable, file], {
      env: environment(),
    })
    await untilReading(inode)
    await pair.ping(1)
    await until('it ends', () => child.exitCode !== null)
    expect(await pingsIn(file)).toEqual([1])
    expect(lstatSync('/dev/stdout').isSymbolicLink()).toBe(true)
  })

  test('a file another capture writes is refused; what a killed one left is not in the way', async () => {
    const first = await armed(['-w', file])
    expect(await remora(['capture', target(), '-w', file])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/USAGE: another capture is writing/),
    })
    first.child.kill('SIGKILL')
    await expectNoDumpcap(inode)
    expect(existsSync(`${file}.partial`)).toBe(true)
    expect((await stop(await armed(['-w', file]))).status).toBe(0)
    expect(await packetsOf(file)).toEqual([])
  })

  test('somebody else’s file behind the name of the unfinished one is not touched', async () => {
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'precious')
    symlinkSync(victim, `${file}.partial`)
    await stop(await armed(['-w', file]))
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect(lstatSync(file).isFile()).toBe(true)
  })

  test('a folder that vanishes meanwhile is a failure that says where the packets are', async () => {
    const gone = join(folder, 'gone')
    mkdirSync(gone)
    const running = await armed(['-w', join(gone, 'packets.pcapng')])
    await must('rm', '-r', gone)
    expect(await stop(running)).toMatchObject({
      status: 7,
      stderr: expect.stringMatching(/CAPTURE_FAILED: the packets are in .*partial/),
    })
  })

  test('packets are not written to a terminal', async () => {
    const { stdout } = await run(['script', '-qec', `${executable} capture ${target()}`, '/dev/null'])
    expect(stdout).toMatch(/USAGE: packets are not written to a terminal/)
  })
})

describe('it ends cleanly', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('on %s', async signal => {
    const running = await armed(['-w', file])
    const asked = performance.now()
    const { status, stderr } = await stop(running, signal)
    expect([status, stderr]).toEqual([0, ''])
    expect(performance.now() - asked).toBeLessThan(2_000)
    expect(await interfacesOf(file)).toMatchObject([{ statistics: 1 }, { statistics: 1 }])
    await expectNoDumpcap(inode)
  })

  test('on two signals of one wish as on one', async () => {
    const running = await armed(['-w', file])
    running.child.kill('SIGINT')
    await sleep(20)
    running.child.kill('SIGTERM')
    expect((await running.result).status).toBe(0)
    expect(await interfacesOf(file)).toMatchObject([{ statistics: 1 }, { statistics: 1 }])
  })

  test('on a second signal at once, with the file readable', async () => {
    const running = await armed(['-w', file])
    await pair.ping(1)
    // dumpcap is stopped, so that it cannot answer the first.
    for (const pid of dumpcapsIn(inode)) process.kill(pid, 'SIGSTOP')
    running.child.kill('SIGINT')
    await sleep(600)
    running.child.kill('SIGINT')
    expect((await running.result).status).toBe(0)
    await packetsOf(file)
    await expectNoDumpcap(inode)
  })

  test('when dumpcap does not answer at all', async () => {
    const running = await armed(['-w', file])
    for (const pid of dumpcapsIn(inode)) process.kill(pid, 'SIGSTOP')
    const asked = performance.now()
    expect((await stop(running)).status).toBe(0)
    expect(performance.now() - asked).toBeLessThan(4_000)
    await expectNoDumpcap(inode)
  })

  test.each(['idle', 'busy'])('when the reader closes a fifo, %s', async state => {
    const fifo = join(folder, 'fifo')
    await must('mkfifo', fifo)
    const reader = spawn('cat', [fifo], { stdio: 'ignore' })
    const running = await armed(['-w', fifo])
    await end(reader)
    const closed = performance.now()
    if (state === 'busy') await pair.ping(20)
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([0, ''])
    expect(performance.now() - closed).toBeLessThan(3_000)
    await expectNoDumpcap(inode)
  })

  test('when the reader of a pipe goes, idle', async () => {
    const shell = spawn('sh', ['-c', `"$0" capture ${target()} | sleep 0.7`, executable], {
      env: environment(),
      stdio: 'ignore',
    })
    await untilReading(inode)
    await until('the pipe line ends', () => shell.exitCode !== null, 5_000)
    await expectNoDumpcap(inode)
  })

  test('when the reader of a socket goes, idle, as sshd hands one to a command', async () => {
    const child = spawn(executable, ['capture', target()], { env: environment(), stdio: ['ignore', 'pipe', 'ignore'] })
    await untilReading(inode)
    child.stdout.destroy()
    await until('it ends', () => child.exitCode !== null, 5_000)
    await expectNoDumpcap(inode)
  })

  test('when the process of the target ends', async () => {
    const sleeper = spawn('nsenter', [`--net=/run/netns/${pair.receiver}`, '--', 'sleep', '1000'], { stdio: 'ignore' })
    await sleep(100)
    const running = startRemora(['capture', `pid:${sleeper.pid}`, '-w', file, '--json'])
    await untilReading(inode)
    await end(sleeper)
    const { status, stdout } = await running.result
    expect([status, JSON.parse(stdout).end]).toEqual([0, 'target-gone'])
    await expectNoDumpcap(inode)
  })

  test('when the namespace is removed', async () => {
    const other = await makeNetnsPair()
    const running = startRemora(['capture', `named:${other.receiver}`, '-w', file, '--json'])
    const gone = statSync(`/run/netns/${other.receiver}`).ino
    await untilReading(gone)
    await must('ip', 'netns', 'del', other.receiver)
    const { status, stdout } = await running.result
    expect([status, JSON.parse(stdout).end]).toEqual([0, 'target-gone'])
    await expectNoDumpcap(gone)
    await other.close()
  })

  test('not when another capture in the namespace ends, for one that is known by its number', async () => {
    const first = await armed(['-w', join(folder, 'first.pcapng')])
    const second = startRemora(['capture', `netns:${inode}`, '-w', file, '--json'])
    started.push(second)
    await untilReading(inode, { count: 2 })
    await stop(first)
    await sleep(1_000)
    await pair.ping(2)
    const { status, stdout } = await stop(second)
    expect([status, JSON.parse(stdout).end]).toEqual([0, 'stopped'])
    expect(await pingsIn(file)).toEqual([1, 2])
  })

  test('when an interface is removed, and says which', async () => {
    const other = await makeNetnsPair()
    const running = startRemora(['capture', `named:${other.receiver}`, '-w', file, '--json'])
    const there = statSync(`/run/netns/${other.receiver}`).ino
    await untilReading(there)
    await must('ip', '-n', other.receiver, 'link', 'del', 'b0')
    const { status, stdout } = await running.result
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { end: 'interface-gone', goneInterface: 'b0' }])
    await expectNoDumpcap(there)
    await other.close()
  })

  test('an interface that comes up meanwhile is told of at once, and in the report; a new name of one is not', async () => {
    const other = await makeNetnsPair()
    const link = (...args: string[]) => must('ip', '-n', other.receiver, 'link', ...args)
    await link('add', 'c0', 'type', 'veth', 'peer', 'name', 'c1')
    await link('set', 'c1', 'up')
    const running = startCapture([`named:${other.receiver}`, '-w', file, '--json'])
    await running.armed()
    await link('property', 'add', 'dev', 'b0', 'altname', 'b0-before')
    await link('add', 'd0', 'type', 'veth', 'peer', 'name', 'd1')
    await link('set', 'd0', 'up')
    await until('it tells of the new one', () => /^d0 of .* is up now, and not captured/m.test(running.stderr()))
    // That one was there, and down: it is seen by its packets.
    await link('set', 'c0', 'up')
    await must('ip', '-n', other.receiver, 'addr', 'add', '10.9.9.1/24', 'dev', 'c0')
    const ping = ['nsenter', `--net=/run/netns/${other.receiver}`, 'ping', '-q', '-i', '0.2', '10.9.9.2']
    const pinging = start(ping)
    await until('it tells of the other', () => /^c0 of .* is up now/m.test(running.stderr()))
    await end(pinging.child)
    await other.ping(1)
    const { status, stdout, stderr } = await stop(running)
    const report = { end: 'stopped', complete: false, missedInterfaces: ['d0', 'c0'] }
    expect([status, JSON.parse(stdout)]).toMatchObject([0, report])
    expect(stderr.trim().split('\n')).toHaveLength(2)
    expect(await pingsIn(file)).toEqual([1])
    await other.close()
  })

  test('when dumpcap is killed, as a failure, with the packets kept', async () => {
    const running = await armed(['-w', file])
    await pair.ping(3)
    await untilCaptured(file, 'icmp', 6)
    for (const pid of dumpcapsIn(inode)) process.kill(pid, 'SIGKILL')
    const { status, stderr } = await running.result
    expect(status).toBe(7)
    expect(stderr).toMatch(/^remora: CAPTURE_FAILED: dumpcap ended unexpectedly \(SIGKILL\)\nhint: .*\n$/)
    expect(await pingsIn(file)).toEqual([1, 2, 3])
  })

  test('when the disk is full, as a failure, with every whole packet kept', async () => {
    const small = join(folder, 'small')
    mkdirSync(small)
    await must('mount', '-t', 'tmpfs', '-o', 'size=64k', 'remora-test', small)
    try {
      const full = join(small, 'packets.pcapng')
      const running = await armed(['-w', full])
      await must(
        'nsenter',
        `--net=/run/netns/${pair.sender}`,
        'ping',
        '-q',
        '-c',
        '60',
        '-i',
        '0.002',
        '-s',
        '1400',
        '10.213.7.2',
      )
      const { status, stderr } = await running.result
      expect([status, stderr]).toEqual([7, expect.stringMatching(/CAPTURE_FAILED: the disk is full/)])
      expect((await pingsIn(full)).length).toBeGreaterThan(10)
    } finally {
      await must('umount', small)
    }
  })
})

describe('nothing is left when remora itself is killed, on an idle interface', () => {
  test('as root', async () => {
    const running = await armed(['-w', file])
    expect(dumpcapsIn(inode)).toHaveLength(1)
    running.child.kill('SIGKILL')
    await expectNoDumpcap(inode)
  })

  test('as a plain user with a dumpcap that carries capabilities', async () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    copyFileSync('/usr/bin/dumpcap', join(bin, 'dumpcap'))
    await must('setcap', 'cap_net_raw,cap_net_admin=ep', join(bin, 'dumpcap'))
    for (const path of [folder, bin]) chmodSync(path, 0o777)
    const user = [
      'nsenter',
      `--net=/run/netns/${pair.receiver}`,
      '--',
      'setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
    ]
    const child = spawn(user[0] ?? '', [...user.slice(1), executable, 'capture', 'host', '-w', file], {
      stdio: 'ignore',
      env: environment({ PATH: `${bin}:${process.env.PATH}`, HOME: folder }),
    })
    await untilReading(inode)
    await until('the guard watches', () => processesWith('__guard').length > 0)
    await sleep(300)
    expect(readFileSync(`/proc/${child.pid}/status`, 'utf8')).toMatch(/^Uid:\s*65534/m)
    child.kill('SIGKILL')
    await expectNoDumpcap(inode)
    await until('the guard has gone', () => processesWith('__guard').length === 0, 5_000)
  })

  test('a capture whose owner died before it could say so is ended by the next cleanup, and its folder taken away', async () => {
    const orphan = spawn(
      'nsenter',
      [`--net=/run/netns/${pair.receiver}`, '--', 'dumpcap', '-q', '-i', 'lo', '-w', '-'],
      {
        stdio: 'ignore',
        env: { ...process.env, REMORA_OWNER: `1@1@${statSync('/proc/self/ns/pid').ino}` },
      },
    )
    await until('the orphan captures', () => dumpcapsIn(inode).length > 0)
    const { ino } = statSync('/proc/self/ns/pid')
    const [orphaned, living] = [`remora-1@1@${ino}-abcdef`, `remora-1@1@${ino + 1}-abcdef`]
    for (const name of [orphaned, living]) mkdirSync(join(folder, name))
    const { status, stdout, stderr } = await remora(['--extcap-cleanup-postkill'], { env: { TMPDIR: folder } })
    expect([status, stdout, stderr]).toEqual([0, '', ''])
    await expectNoDumpcap(inode)
    expect([orphaned, living].map(name => existsSync(join(folder, name)))).toEqual([false, true])
    await end(orphan)
  })
})

test("cleaning up leaves the capture of a remora in another container's PID namespace alone", async () => {
  const inner = spawn('unshare', ['--pid', '--fork', '--mount-proc', executable, 'capture', target(), '-w', file], {
    stdio: 'ignore',
    env: environment(),
  })
  await untilReading(inode)
  await remora(['--extcap-cleanup-postkill'])
  await sleep(200)
  expect(dumpcapsIn(inode)).toHaveLength(1)
  for (const pid of processesWith(`${executable} capture ${target()} -w ${file}`)) process.kill(pid, 'SIGTERM')
  await until('it ends', () => inner.exitCode !== null)
  await expectNoDumpcap(inode)
})

test('with a terminal, a line is updated while it captures, and the file is complete', async () => {
  const line = `${executable} capture ${target()} -w ${file} -a duration:2`
  const script = run(['script', '-qec', line, '/dev/null'], { env: environment() })
  await untilReading(inode)
  for (let times = 0; times < 8; times++) await pair.ping(5)
  const { status, stdout } = await script
  expect(status, stdout).toBe(0)
  expect(stdout).toMatch(/\d+ packets, [\d.]+ (B|KiB), \d+\/s/)
  expect(stdout).toMatch(/80 packets in .*; stop condition reached/)
  expect(await pingsIn(file)).toHaveLength(40)
})

describe('rights', () => {
  const asNobody = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', executable, ...args], {
      env: environment({ HOME: '/', ...env }),
    })

  test("another user's namespace is refused with what to do", async () => {
    const { status, stderr } = await asNobody(['capture', target(), '-w', '-'])
    expect(status).toBe(4)
    expect(stderr).toMatch(/^remora: FORBIDDEN: .*\nhint: .*sudo.*\n$/)
    const process1 = await asNobody(['capture', 'pid:1', '-w', '-'])
    expect([process1.status, process1.stderr]).toEqual([4, expect.stringMatching(/FORBIDDEN.*\nhint: .*sudo/)])
  })

  test('the own one without a dumpcap that may capture, too, before anything is written', async () => {
    const { status, stdout, stderr } = await asNobody(['capture', 'host', '-w', '-'])
    expect([status, stdout]).toEqual([4, ''])
    expect(stderr).toMatch(/FORBIDDEN: dumpcap may not capture as this user\nhint: .*setcap/)
  })

  test('a namespace in a user namespace of his own needs no privilege at all', async () => {
    const owned = spawn(
      'setpriv',
      [
        '--reuid',
        '65534',
        '--regid',
        '65534',
        '--clear-groups',
        'unshare',
        '--user',
        '--net',
        '--map-root-user',
        'sh',
        '-c',
        'ip link set lo up; exec sleep 1000',
      ],
      { stdio: 'ignore', env: { PATH: process.env.PATH } },
    )
    try {
      await until('it sleeps', () => readFileSync(`/proc/${owned.pid}/comm`, 'utf8').trim() === 'sleep')
      chmodSync(folder, 0o777)
      const capture = asNobody(['capture', `pid:${owned.pid}`, '-w', file, '-a', 'packets:2'])
      const netns = Number(/\d+/.exec(await must('readlink', `/proc/${owned.pid}/ns/net`))?.[0])
      await untilReading(netns)
      await must('nsenter', '-t', String(owned.pid), '-n', 'ping', '-q', '-c', '1', '127.0.0.1')
      const { status, stderr } = await capture
      expect([status, stderr]).toEqual([0, ''])
      expect(await pingsIn(file)).toEqual([1])
    } finally {
      await end(owned)
    }
  })
})
