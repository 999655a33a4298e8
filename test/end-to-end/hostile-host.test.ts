/**
 * remora as root on a host whose other users mean harm: the names they choose, what they leave in folders that everybody
 * may write to, and the environment they hand over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { end, must, type Result, run, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { serve } from '../helpers/service.ts'

const nobody = 65_534
// By its path: a test may bring a PATH that is not to be trusted.
const asNobody = ['/usr/bin/setpriv', '--reuid', String(nobody), '--regid', String(nobody), '--clear-groups']

let pair: NetnsPair
beforeAll(async () => {
  pair = await makeNetnsPair()
})
afterAll(() => pair?.close())

/** A short capture into a file. */
function captureTo(path: string, env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return remora(['capture', `named:${pair.receiver}`, '-i', 'lo', '-a', 'duration:0.1', '-w', path], { env })
}

describe('a name that would steer a terminal', () => {
  const evil = '\x1b[2J\u009b1m'
  let host: ChildProcess
  let file: string
  beforeAll(async () => {
    // A new name for a process in a network of its own: the file that is executed has it.
    const program = join(scratch(), evil)
    copyFileSync('/bin/sleep', program)
    host = spawn('nsenter', [`--net=/run/netns/${pair.sender}`, 'unshare', '--net', program, '1000'])
    await must('ip', '-n', pair.receiver, 'link', 'add', evil, 'type', 'veth', 'peer', 'name', `${evil}2`)
    for (const name of [evil, `${evil}2`]) await must('ip', '-n', pair.receiver, 'link', 'set', name, 'up')
    file = join(scratch(), 'evil.pcapng')
    await remora(['capture', `named:${pair.receiver}`, '-a', 'duration:0.1', '-w', file])
    await until('it is listed', async () => (await remora(['list'])).stdout.includes('[2J'))
  })
  afterAll(() => end(host))

  test.each<[string, (file: string) => string[]]>([
    ['the list', () => ['list', '--wide']],
    ['the list as JSON', () => ['list', '--json']],
    ['the list of Packetflix', () => ['list', '--format', 'mobyshark']],
    ['the topology', () => ['list', '--format', 'ghostwire']],
    ['a plan', () => ['capture', `named:${pair.receiver}`, '--dry-run']],
    ['a plan as JSON', () => ['capture', `named:${pair.receiver}`, '--dry-run', '--json']],
    ['what a file tells', path => ['info', path]],
    ['what a file tells as JSON', path => ['info', path, '--json']],
    ['a failure', () => ['capture', `process:${evil}`, '-i', evil, '-w', '-', '-f', evil]],
    ['the dialog of Wireshark', () => ['--extcap-interface', 'remora', '--extcap-config', '--showprocs', 'true']],
  ])('does not in %s', async (_, args) => {
    const { stdout, stderr } = await remora(args(file))
    expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u)
    if (args(file).some(word => word.endsWith('json')))
      expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(evil).slice(1, -1))
  })

  test('does not in the log of the service', async () => {
    const service = await serve()
    try {
      const asked = { target: `named:${pair.receiver}`, interfaces: [evil], stop: { duration: 0.1 } }
      const { path } = (await (await service.ask(asked)).json()) as { path: string }
      await (await service.get(`${path}.pcapng`)).arrayBuffer()
      const ended = () => service.log().find(({ msg }) => msg === 'capture ended')
      await until('the capture is logged', () => ended() !== undefined)
      expect(service.running.stderr()).not.toMatch(/[^\P{Cc}\n]/u)
      expect(ended()?.interfaces).toEqual([evil])
    } finally {
      await service.close()
    }
  })
})

describe('in a folder that everybody may write to', () => {
  let folder: string
  let victim: string
  beforeEach(() => {
    folder = join(scratch(), 'shared')
    mkdirSync(folder)
    chmodSync(folder, 0o1777)
    victim = join(scratch(), 'victim')
    writeFileSync(victim, 'precious')
  })

  test('a link of somebody else is not followed', async () => {
    const path = join(folder, 'a.pcapng')
    symlinkSync(victim, path)
    lchownSync(path, nobody, nobody)
    expect(await captureTo(path)).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/FORBIDDEN: .*another user/),
    })
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect(readdirSync(folder)).toEqual(['a.pcapng'])
  })

  test('a fifo of somebody else gets nothing, that of whoever called sudo does', async () => {
    const path = join(folder, 'fifo')
    await must('mkfifo', path)
    chownSync(path, nobody, nobody)
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] })
    const read: Buffer[] = []
    reader.stdout.on('data', chunk => read.push(chunk))
    try {
      expect(await captureTo(path)).toMatchObject({ status: 4, stderr: expect.stringContaining('another user') })
      expect(read).toEqual([])
      expect(await captureTo(path, { SUDO_UID: String(nobody) })).toMatchObject({ status: 0 })
      await until('the packets have come', () => read.length > 0)
    } finally {
      await end(reader)
    }
  })

  test('a file of somebody else is replaced, not written to', async () => {
    const path = join(folder, 'b.pcapng')
    writeFileSync(path, 'bait')
    chownSync(path, nobody, nobody)
    const before = statSync(path).ino
    expect(await captureTo(path)).toMatchObject({ status: 0 })
    expect(statSync(path)).toMatchObject({ uid: 0, mode: 0o100600 })
    expect(statSync(path).ino).not.toBe(before)
  })

  test.each<[string, (partial: string) => unknown]>([
    ['a folder', partial => mkdirSync(partial)],
    ['a link to nowhere', partial => symlinkSync(join(folder, 'nowhere'), partial)],
    ['a link to a file', partial => symlinkSync(victim, partial)],
    ['a fifo', partial => must('mkfifo', partial)],
  ])('%s in the place of the unfinished file stays, and is not in the way', async (_, plant) => {
    const path = join(folder, 'c.pcapng')
    await plant(`${path}.partial`)
    expect(await captureTo(path)).toMatchObject({ status: 0 })
    expect(readdirSync(folder)).toEqual(['c.pcapng', 'c.pcapng.partial'])
    expect(readFileSync(victim, 'utf8')).toBe('precious')
  })

  test('a file of somebody else in the place of the unfinished one is not in the way of a plain user', async () => {
    chmodSync(dirname(folder), 0o755)
    const path = join(folder, 'd.pcapng')
    writeFileSync(`${path}.partial`, 'bait')
    const user = ['setpriv', '--reuid=64001', '--regid=64001', '--clear-groups']
    const capabilities = ['--inh-caps=+net_raw,+net_admin', '--ambient-caps=+net_raw,+net_admin']
    const args = ['capture', 'host', '-i', 'lo', '-a', 'duration:0.1', '-w', path]
    const { status, stderr } = await run([...user, ...capabilities, '--', executable, ...args], { env: environment() })
    expect(status, stderr).toBe(0)
    expect(readdirSync(folder)).toEqual(['d.pcapng', 'd.pcapng.partial'])
    expect(readFileSync(`${path}.partial`, 'utf8')).toBe('bait')
  })

  test('a link that leads to itself is wrong usage', async () => {
    const path = join(folder, 'loop')
    symlinkSync(path, path)
    expect(await captureTo(path)).toMatchObject({ status: 2, stderr: expect.stringContaining('USAGE: cannot write') })
  })
})

describe('files', () => {
  test('are for their owner alone, whatever the mask says', async () => {
    const folder = scratch()
    const log = join(folder, 'log')
    const command = `umask 0; exec "$0" capture host -i lo -a duration:0.1 -w "$1"`
    const env = environment({ REMORA_LOG_FILE: log, TMPDIR: folder })
    await run(['sh', '-c', command, executable, join(folder, 'a.pcapng')], { env })
    expect(readdirSync(folder).map(name => [name, statSync(join(folder, name)).mode & 0o777])).toEqual([
      ['a.pcapng', 0o600],
      ['log', 0o600],
    ])
  })
})

describe('an environment that would take it over', () => {
  let folder: string
  let evidence: string
  beforeAll(() => {
    folder = scratch()
    chmodSync(folder, 0o777)
    evidence = join(folder, 'evidence')
    writeFileSync(join(folder, 'evil.cjs'), `require('fs').writeFileSync(${JSON.stringify(evidence)}, '')`)
    for (const tool of ['ip', 'dumpcap', 'nsenter', 'setpriv', 'xargs']) {
      writeFileSync(join(folder, tool), `#!/bin/sh -p\necho >${evidence}\n`)
      chmodSync(join(folder, tool), 0o755)
    }
  })
  const owned = (name: string, mode: number) => {
    const copy = join(folder, name)
    copyFileSync(executable, copy)
    chmodSync(copy, mode)
    return copy
  }

  test('NODE_OPTIONS neither loads nor prints anything', async () => {
    const options = `--require=${join(folder, 'evil.cjs')} --inspect=0`
    const { status, stderr } = await remora(['--extcap-interfaces'], { env: { NODE_OPTIONS: options } })
    expect([status, stderr, existsSync(evidence)]).toEqual([0, '', false])
  })

  test('a copy that is set-user-ID does nothing at all', async () => {
    const copy = owned('set-user-id', 0o4755)
    for (const args of [['--version'], ['capture', 'host', '-w', '-'], ['--extcap-interfaces'], ['serve']]) {
      const env = environment({ PATH: `${folder}:${process.env.PATH}` })
      const { status, stdout, stderr } = await run([...asNobody, copy, ...args], { env })
      expect([status, stdout, stderr]).toEqual([4, '', expect.stringMatching(/^remora: FORBIDDEN: /)])
    }
    expect(existsSync(evidence)).toBe(false)
  })

  test('capabilities of its file are not handed on to what is in the PATH', async () => {
    const copy = owned('with-capabilities', 0o755)
    await must('setcap', 'cap_sys_admin,cap_sys_ptrace,cap_net_raw=ep', copy)
    const shown = join(folder, 'shown')
    writeFileSync(join(folder, 'ip'), `#!/bin/sh\ngrep CapEff /proc/self/status >${shown}\n`)
    const env = environment({ PATH: `${folder}:${process.env.PATH}`, LD_PRELOAD: join(folder, 'evil.so') })
    await run([...asNobody, copy, 'capture', 'host', '-w', '-'], { env })
    expect(readFileSync(shown, 'utf8')).toMatch(/^CapEff:\s+0+$/m)
  })
})
