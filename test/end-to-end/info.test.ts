/** `remora info` on files of its own captures, through a pipe, and on what is no capture file. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { interfacesOf } from '../helpers/capture-file.ts'
import { end, must, run, start, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { blocksIn } from '../helpers/pcapng-builder.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let file: string
/** A capture of ten packets. */
let captured: Buffer

beforeAll(async () => {
  pair = await makeNetnsPair()
  const path = join(scratch(), 'captured.pcapng')
  const target = `named:${pair.receiver}`
  const capture = start([executable, 'capture', target, '-i', 'b0', '-f', 'icmp', '-w', path, '-a', 'packets:10'], {
    env: environment(),
  })
  await until('ten packets are captured', async () => {
    await pair.ping(5)
    return capture.child.exitCode !== null
  })
  captured = readFileSync(path)
})
afterAll(() => pair.close())
beforeEach(() => {
  file = join(scratch(), 'web.pcapng')
  writeFileSync(file, captured)
})

test('a capture of remora tells its target, its interface and its packets', async () => {
  const { status, stdout, stderr } = await remora(['info', file])
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^ {2}packets +10 in \d+\.\d{6} s$/m)
  expect(stdout).toMatch(/^ {2}by +.*Dumpcap/m)
  expect(stdout).toMatch(/^0 +b0 +ETHERNET +10 +980 B .*filter: icmp/m)
  expect(stdout).toMatch(
    new RegExp(`^Target\\n {2}---\\n {2}# capture target information\\n(?:.*\\n)*.*${pair.receiver}`, 'm'),
  )
})

test('as JSON it is one object, with the counts of capinfos', async () => {
  const { status, stdout } = await remora(['info', '--json', file])
  expect(status).toBe(0)
  const summary = JSON.parse(stdout)
  const [nif] = await interfacesOf(file)
  expect(summary).toMatchObject({
    file,
    bytes: captured.length,
    target: expect.stringContaining('# capture target information'),
    interfaces: [
      { name: nif?.name, description: nif?.description, packets: nif?.packets, statistics: nif?.statistics },
    ],
    totals: { packets: 10 },
  })
})

test('a stream comes through a pipe, and Ctrl-C ends the capture, not what reads it', async () => {
  const script = '"$0" capture "named:$1" -i b0 -f icmp -w - | "$0" info - --json'
  const running = start(['setsid', '--wait', 'sh', '-c', script, executable, pair.receiver], { env: environment() })
  try {
    const group = await groupOf(pair.receiver)
    // Packets that came before the capture was armed are not in it: some will be, sooner or later.
    await pair.ping(20, 0.1)
    process.kill(-group, 'SIGINT')
    const { stdout, stderr } = await running.result
    expect(JSON.parse(stdout), stderr).toMatchObject({ file: '-', interfaces: [{ name: 'b0', statistics: 1 }] })
    expect(JSON.parse(stdout).totals.packets).toBeGreaterThan(0)
  } finally {
    await end(running.child)
  }
})

/** The process group of a pipeline that captures a target. */
async function groupOf(target: string): Promise<number> {
  let group = 0
  await until('the pipeline runs', async () => {
    const { stdout } = await run(['pgrep', '-f', `info - --json.*${target}`])
    const [pid = ''] = stdout.split('\n')
    if (pid === '') return false
    group = Number((await must('ps', '-o', 'pgid=', '-p', pid)).trim())
    return true
  })
  return group
}

test('a file that was cut off is told of as far as it goes', async () => {
  truncateSync(file, captured.length - 5)
  const { status, stdout } = await remora(['info', file])
  expect(status).toBe(0)
  expect(stdout).toMatch(/^ {2}cut off +in the middle of a block, after \d+ bytes of it$/m)
})

test('a file that is broken in its middle is told of so far, and is a failure', async () => {
  const { packet } = blocksIn('LE')
  writeFileSync(file, Buffer.concat([captured, packet({ nif: 9 }), captured, packet({}).fill(0, 28), captured]))
  const { status, stdout, stderr } = await remora(['info', file])
  expect(stdout).toMatch(/^ {2}packets +20 in/m)
  const reason = 'block of type 6 has lengths 32 and 0'
  expect(stdout).toMatch(/^ {2}skipped +what could not be used: interface 9 is not described, at byte \d+$/m)
  expect(stdout).toMatch(
    /^ {2}BROKEN +at byte \d+: block of type 6 has lengths 32 and 0; what follows could not be read$/m,
  )
  const at = 2 * captured.length + packet({}).length
  expect([status, stderr]).toEqual([
    2,
    `remora: USAGE: ${file} is broken at byte ${at}: ${reason}\n` +
      `hint: What stands before is good: head -c ${at} ${file} > repaired.pcapng\n`,
  ])
  const { stdout: json } = await remora(['info', '--json', file])
  expect(JSON.parse(json)).toMatchObject({ broken: { at }, skipped: { list: [{ at: captured.length }] } })
})

test.each<[string, string, RegExp]>([
  ['cp "$1" "$2"; : > "$2"', 'an empty file', /USAGE: .* is empty/],
  ['gzip -c "$1" > "$2"', 'a compressed file', /USAGE: .* is compressed with gzip\nhint: gunzip -c/],
  ['rm -f "$2"', 'nothing', /USAGE: there is no file/],
])('%s: refused as %s', async (command, _, message) => {
  const other = join(scratch(), 'other')
  await must('sh', '-c', command, 'sh', file, other)
  const { status, stdout, stderr } = await remora(['info', other])
  expect([status, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
})

test('names in a file cannot steer the terminal', async () => {
  const { section, description } = blocksIn('BE')
  const evil = Buffer.from('\x1b]0;evil\x07')
  const blocks = [
    section([
      [1, evil],
      [4, evil],
    ]),
    description([
      [2, evil],
      [3, evil],
    ]),
  ]
  writeFileSync(file, Buffer.concat(blocks))
  const { status, stdout } = await remora(['info', file])
  expect(status).toBe(0)
  expect(stdout).toContain('evil')
  expect(stdout).not.toMatch(/[^\P{Cc}\n]/u)
})
