/** tcpdump in immediate mode: what is captured, what is lost and what is said of it, who it runs as, and that it ends. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findOrphans } from '../../src/linux/capturing/orphans.ts'
import type { CaptureEnd, CaptureProcess } from '../../src/linux/capturing/program.ts'
import { startTcpdump, type TcpdumpOptions, tcpdumpFailure } from '../../src/linux/capturing/tcpdump.ts'
import { type NetworkNamespace, openNamespaceFile } from '../../src/linux/namespace/netns.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { end, must, run, sleep, start, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let namespace: NetworkNamespace
beforeAll(async () => {
  pair = await makeNetnsPair()
  namespace = openNamespaceFile(`/run/netns/${pair.receiver}`)
  await pair.ping(1)
})
afterAll(async () => {
  namespace.close()
  await pair.close()
})

const defaults: TcpdumpOptions = { interface: 'b0', filter: 'icmp', promiscuous: true, bufferSize: 2 }
const started: CaptureProcess[] = []
afterEach(async () => {
  for (const capture of started.splice(0)) {
    capture.send('SIGKILL')
    await capture.ended
  }
})

/** A capture whose output is collected. */
function capturing(options: Partial<TcpdumpOptions> = {}, there = namespace) {
  const capture = startTcpdump(there, { ...defaults, ...options }, 'pipe')
  started.push(capture)
  const chunks: Buffer[] = []
  capture.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { capture, output: () => Buffer.concat(chunks) }
}

async function armed(options: Partial<TcpdumpOptions> = {}, there = namespace) {
  const running = capturing(options, there)
  expect(await running.capture.ready, running.capture.messages().complaint).toBe(true)
  return running
}

/** Numbers of the pings in a file of these bytes. */
function pings(bytes: Buffer): Promise<number[]> {
  const file = join(scratch(), 'packets.pcap')
  writeFileSync(file, bytes)
  return pingsIn(file)
}

/** Packets in a pcap; fails where a record is not whole. */
function countPackets(bytes: Buffer): number {
  let packets = 0
  let at = 24
  for (; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) packets++
  if (bytes.length > 0) expect(at).toBe(bytes.length)
  return packets
}

describe('what is captured', () => {
  test('pcap with nanoseconds, with the link type', async () => {
    const { output } = await armed()
    await until('the header is there', () => output().length >= 24)
    expect(output().readUInt32LE(0)).toBe(0xa1b23c4d)
    expect([output().readUInt32LE(16), output().readUInt32LE(20)]).toEqual([262_144, 1])
  })

  test('from the moment it says it is armed, and each packet at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { capture, output } = await armed()
      await pair.ping(2)
      await until('the packets are there, though nothing stops the capture', () => countPackets(output()) === 4)
      capture.send('SIGINT')
      const { status, messages } = await capture.ended
      expect([status, messages]).toMatchObject([
        0,
        { packets: 4, statistics: [{ name: 'b0', received: 4, dropped: 0, flushed: 0 }], complaint: undefined },
      ])
      expect(await pings(output())).toEqual([1, 2])
    }
  })

  test('what the filter lets through; one that begins like an option is a filter', async () => {
    const { output } = await armed({ filter: 'icmp[icmptype] = icmp-echo' })
    await pair.ping(2)
    await until('both are there', () => countPackets(output()) === 2)
    const { capture } = capturing({ filter: '-w/tmp/x' })
    expect(await failure(await capture.ended, { filter: '-w/tmp/x' })).toMatchObject({ code: 'FILTER_INVALID' })
  })

  test('no more of each packet than asked for', async () => {
    const { output } = await armed({ snaplen: 64, promiscuous: false })
    await pair.ping(1)
    await until('both are there', () => countPackets(output()) === 2)
    expect([output().readUInt32LE(24 + 8), output().readUInt32LE(24 + 12)]).toEqual([64, 98])
  })

  test('all interfaces at once', async () => {
    const { output } = await armed({ interface: 'any', linkType: 'LINUX_SLL' })
    await pair.ping(1)
    await until('both are there', () => countPackets(output()) === 2)
    expect(output().readUInt32LE(20)).toBe(113)
  })

  test('through a descriptor of the caller, which nobody else could open', async () => {
    const file = join(scratch(), 'packets.pcap')
    const fd = openSync(file, 'wx', 0o600)
    const capture = startTcpdump(namespace, defaults, fd)
    closeSync(fd)
    started.push(capture)
    expect(await capture.ready).toBe(true)
    await pair.ping(3)
    await until('the packets are there', () => countPackets(readFileSync(file)) === 6)
    capture.send('SIGINT')
    expect((await capture.ended).status).toBe(0)
    expect(await pingsIn(file)).toEqual([1, 2, 3])
  })
})

describe('what becomes of the interface', () => {
  test('its packets are on the pipe before it is removed, and its removal is told', async () => {
    const other = await makeNetnsPair()
    const there = openNamespaceFile(`/run/netns/${other.receiver}`)
    try {
      const { capture, output } = await armed({}, there)
      await other.ping(20, 0.002)
      await until('all packets are there', () => countPackets(output()) === 40)
      await must('ip', '-n', other.receiver, 'link', 'del', 'b0')
      const { status, messages } = await capture.ended
      expect([status, messages]).toMatchObject([
        1,
        { goneInterface: 'b0', statistics: [{ received: 40, dropped: 0, flushed: 0 }], complaint: undefined },
      ])
    } finally {
      there.close()
      await other.close()
    }
  })

  test('going down and coming up again is no end', async () => {
    const { capture, output } = await armed()
    await must('ip', '-n', pair.receiver, 'link', 'set', 'b0', 'down')
    await sleep(100)
    await must('ip', '-n', pair.receiver, 'link', 'set', 'b0', 'up')
    await must('ip', '-n', pair.receiver, 'neigh', 'replace', '10.213.7.1', 'lladdr', '02:00:00:00:00:01', 'dev', 'b0')
    await pair.ping(1)
    await until('the packets are there', () => countPackets(output()) >= 2)
    expect(capture.messages()).toMatchObject({ goneInterface: undefined, complaint: undefined })
  })
})

test('what the reader was too slow for is counted: dropped by the kernel, or left behind at the end', async () => {
  const capture = startTcpdump(namespace, { ...defaults, filter: '' }, 'pipe')
  started.push(capture)
  await capture.ready
  const flood = ['ping', '-q', '-f', '-c', '3000', '-s', '1000', '10.213.7.2']
  await must('nsenter', `--net=/run/netns/${pair.sender}`, ...flood)
  capture.send('SIGINT')
  const chunks: Buffer[] = []
  capture.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  const { messages } = await capture.ended
  const [{ received, dropped, flushed }] = messages.statistics as [(typeof messages.statistics)[number]]
  // The one it was about to write when the signal came is counted, too.
  expect(received - countPackets(Buffer.concat(chunks))).toBeOneOf([0, 1])
  expect(dropped + flushed).toBeGreaterThan(1_000)
  expect(received + dropped + flushed).toBe(6_000)
})

describe('what goes wrong has a code', () => {
  test('no such interface', async () => {
    const { capture } = capturing({ interface: 'nope' })
    expect(await capture.ready).toBe(false)
    expect(await failure(await capture.ended, { interface: 'nope' })).toMatchObject({
      code: 'INTERFACE_NOT_FOUND',
      message: 'the target has no interface nope',
    })
  })

  test('an interface that is down', async () => {
    await must('ip', '-n', pair.receiver, 'link', 'add', 'd0', 'type', 'bridge')
    const { capture } = capturing({ interface: 'd0' })
    expect(await failure(await capture.ended, { interface: 'd0' })).toMatchObject({
      code: 'INTERFACE_NOT_FOUND',
      message: 'the interface d0 is down',
    })
    await must('ip', '-n', pair.receiver, 'link', 'del', 'd0')
  })

  test.each(['tcp prt 80', 'ip6 and ip', 'host nosuch.invalid', 'tcp port 99999', 'host 300.1.1.1'])(
    'the filter %j',
    async filter => {
      const { capture } = capturing({ filter })
      expect(await failure(await capture.ended, { filter })).toMatchObject({ code: 'FILTER_INVALID' })
    },
  )
})

function failure({ status, messages }: CaptureEnd, options: Partial<TcpdumpOptions>) {
  expect(status).not.toBe(0)
  return tcpdumpFailure(messages.complaint ?? '', { ...defaults, ...options })
}

describe('whom it runs as', () => {
  const owner = (...args: string[]) => [
    process.execPath,
    new URL('../helpers/tcpdump-owner.ts', import.meta.url).pathname,
    ...args,
  ]

  test('nobody, with a single capability, and no orphan', async () => {
    const { capture } = await armed()
    const status = readFileSync(`/proc/${capture.pid}/status`, 'utf8')
    expect(status).toMatch(/^Uid:\s+65534\s+65534/m)
    for (const set of ['Prm', 'Eff', 'Inh', 'Bnd', 'Amb']) expect(status).toContain(`Cap${set}:\t0000000000002000`)
    expect(status).toMatch(/^NoNewPrivs:\s+1/m)
    expect(findOrphans()).not.toContain(capture.pid)
  })

  test('it ends with the process it captures for, killed on an idle interface', async () => {
    const child = start(owner(`/run/netns/${pair.receiver}`, 'lo'))
    const pid = await armedPid(child.child)
    child.child.kill('SIGKILL')
    await until('the capture has ended', () => !isRunning(pid))
  })

  test('a capture whose owner died is an orphan', async () => {
    const environment = {
      ...process.env,
      REMORA_OWNER: `1@1@${/\d+/.exec(await must('readlink', '/proc/self/ns/pid'))}`,
    }
    const orphan = spawn('tcpdump', ['-i', 'lo', '-w', '-'], { stdio: 'ignore', env: environment })
    await until('it is found', () => findOrphans().includes(orphan.pid ?? 0))
    await end(orphan)
  })

  test('as the service, a plain user with more capabilities than that, it is left with one and ends, too', async () => {
    const kept = '-all,+net_raw,+sys_admin,+dac_override'
    const service = ['--reuid=65532', '--regid=65532', '--clear-groups', `--inh-caps=${kept}`, `--ambient-caps=${kept}`]
    const child = start(['setpriv', ...service, '--', ...owner(`/run/netns/${pair.receiver}`, 'lo')])
    const pid = await armedPid(child.child)
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    for (const set of ['Prm', 'Eff', 'Amb']) expect(status).toContain(`Cap${set}:\t0000000000002000`)
    child.child.kill('SIGKILL')
    await until('the capture has ended', () => !isRunning(pid))
  })

  test('a user namespace without other users is refused with the way that is left', async () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const script = 'ip link set lo up; exec sleep 1000'
    const owned = start([...nobody, ...['unshare', '--user', '--net', '--map-root-user', 'sh', '-c', script]])
    try {
      await until('it sleeps', () => readFileSync(`/proc/${owned.pid}/comm`, 'utf8').trim() === 'sleep')
      const { stdout } = await run([...nobody, ...owner(String(owned.pid), 'lo')])
      const [, complaint = ''] = /^ended (.*)$/m.exec(stdout) ?? []
      expect(tcpdumpFailure(complaint, defaults)).toMatchObject({
        code: 'FORBIDDEN',
        hint: 'Capture without --immediate: dumpcap can.',
      })
    } finally {
      await end(owned.child)
    }
  })
})

async function armedPid(child: ReturnType<typeof spawn>): Promise<number> {
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
  })
  await until('it is armed', () => /armed \d+/.test(text))
  return Number(/armed (\d+)/.exec(text)?.[1])
}

/** Nobody may be there to collect a process whose parent was killed. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
