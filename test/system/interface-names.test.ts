/**
 * Interfaces that are called what dumpcap, tcpdump and libpcap take for something else: a container chooses the names, and does
 * not get out of a capture by one.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCapture } from '../helpers/capture.ts'
import { interfacesOf } from '../helpers/capture-file.ts'
import { must, run, start } from '../helpers/command.ts'
import { remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const names = [
  ...['eth0', '-', '1', '-x', 'any', 'TCP@1.2.3.4', 'nflog', 'nfqueue', 'usbmon1', 'bluetooth0', 'dbus-system'],
  ...['\x01b', '123456789012345', 'nflog1', 'a,b', "it's", '"q"', '\\u', 'é'],
]
/** No UTF-8: they look the same. */
const unreadable = [Buffer.from([0xff]), Buffer.from([0xfe])]
const count = names.length + unreadable.length
const id = randomBytes(3).toString('hex')
const [near, far] = [`rt-${id}-n`, `rt-${id}-f`]
const inNetns = (name: string, ...command: string[]) => must('nsenter', `--net=/run/netns/${name}`, ...command)

async function batch(netns: string, lines: readonly Buffer[]): Promise<void> {
  const { child, result } = start(['ip', '-n', netns, '-batch', '-'], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin?.end(Buffer.concat(lines))
  const { status, stderr } = await result
  if (status !== 0) throw new Error(stderr)
}

beforeAll(async () => {
  for (const name of [near, far]) {
    await must('ip', 'netns', 'add', name)
    await inNetns(name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  }
  const pairOf = (at: number) => `address 02:00:00:00:02:${hex(at)} type veth peer name p${at} netns ${far}`
  for (const [at, name] of names.entries()) {
    await must('ip', '-n', near, 'link', 'add', 'name', name, ...pairOf(at).split(' '))
    await must('ip', '-n', near, 'link', 'set', 'dev', name, 'up')
  }
  // No argument of ours can carry these.
  for (const [at, name] of unreadable.entries()) {
    const pair = pairOf(names.length + at)
    await batch(near, [
      Buffer.from('link add name '),
      name,
      Buffer.from(` ${pair}\nlink set dev `),
      name,
      Buffer.from(' up\n'),
    ])
  }
  await batch(
    far,
    Array.from({ length: count }, (_, at) =>
      Buffer.from(
        `link set p${at} up\naddr add 10.214.${at}.1/24 dev p${at}\n` +
          `neigh add 10.214.${at}.2 lladdr 02:00:00:00:02:${hex(at)} dev p${at} nud permanent\n`,
      ),
    ),
  )
  await must('ip', '-n', near, 'link', 'property', 'add', 'dev', 'eth0', 'altname', 'Ethernet0-2')
}, 60_000)
afterAll(async () => {
  for (const name of [near, far]) await run(['ip', 'netns', 'del', name])
})

function hex(value: number): string {
  return value.toString(16).padStart(2, '0')
}

/** Captures while a packet is sent to each; numbers of the packets by the interface they were seen on. */
async function capture(args: readonly string[]): Promise<Map<string, string[]>> {
  const file = join(scratch(), 'packets.pcapng')
  const running = startCapture([`named:${near}`, '-w', file, ...args])
  await running.armed()
  await Promise.all(
    Array.from({ length: count }, (_, at) =>
      run(['nsenter', `--net=/run/netns/${far}`, 'ping', '-q', '-c', '1', '-W', '0.1', `10.214.${at}.2`]),
    ),
  )
  running.child.kill('SIGINT')
  const { status, stderr } = await running.result
  expect([status, stderr]).toEqual([0, ''])
  const seen = new Map((await interfacesOf(file)).map(({ name }) => [name, [] as string[]]))
  const fields = await must('tshark', '-n', '-r', file, '-T', 'fields', '-e', 'frame.interface_id', '-e', 'ip.dst')
  const order = [...seen.keys()]
  for (const text of fields.trim().split('\n')) {
    const [number, address] = text.split('\t')
    seen.get(order[Number(number)] ?? '')?.push(address ?? '')
  }
  return seen
}

/** What must have been seen: each packet on its own interface, which non-UTF-8 names share but for the index. */
async function expected(): Promise<Map<string, string[]>> {
  const links = await must('ip', '-n', near, '-o', 'link')
  const [less, more] = links
    .split('\n')
    .slice(-3)
    .map(text => text.split(':')[0])
  const called = [...names, `\uFFFD#${less}`, `\uFFFD#${more}`]
  return new Map(called.map((name, at) => [name, [`10.214.${at}.2`]]))
}

test('each is captured, in a direct capture, in a woven one and in an immediate one', async () => {
  const wanted = await expected()
  for (const how of [[], ['--direction'], ['--immediate']]) {
    const seen = await capture(['-f', 'icmp[0] == 8', ...how])
    expect([how, seen]).toEqual([how, wanted])
  }
}, 120_000)

test('each can be asked for, also by another name, and the report calls it by its own', async () => {
  const file = join(scratch(), 'some.pcapng')
  const asked = ['-', '1', 'nflog', 'TCP@1.2.3.4', 'Ethernet0-2'].flatMap(name => ['-i', name])
  const { status, stdout, stderr } = await remora([
    ...['capture', `named:${near}`, ...asked, '-w', file, '-a', 'duration:0.2', '--json'],
  ])
  expect([status, stderr]).toEqual([0, ''])
  const own = ['-', '1', 'nflog', 'TCP@1.2.3.4', 'eth0']
  expect(JSON.parse(stdout).interfaces.map(({ name }: { name: string }) => name)).toEqual(own)
  expect((await interfacesOf(file)).map(({ name }) => name)).toEqual(own)
})

test('one with a comma is asked for with a slash, which the hint says', async () => {
  const { status, stderr } = await remora(['capture', `named:${near}`, '-i', 'a,b', '-w', '-'])
  expect([status, stderr]).toEqual([6, expect.stringContaining('hint: Did you mean a,b/?')])
})

test('one that cannot be opened ends the capture of the others, with its reason', async () => {
  const folder = scratch()
  chmodSync(folder, 0o755)
  const program = join(folder, 'tcpdump')
  const script = `#!/bin/sh\n[ "$2" = eth0 ] && { echo 'tcpdump: eth0: something strange' >&2; exit 1; }\nexec /usr/bin/tcpdump "$@"\n`
  writeFileSync(program, script, { mode: 0o755 })
  const file = join(folder, 'none.pcapng')
  const args = ['capture', `named:${near}`, '--immediate', '-i', 'eth0', '-i', 'a,b/', '-w', file]
  const { status, stderr } = await remora(args, { env: { PATH: `${folder}:${process.env.PATH}` } })
  expect([status, stderr]).toEqual([7, expect.stringContaining('something strange')])
  expect(existsSync(file)).toBe(false)
})
