/** `remora run`: a command with a capture around it; what is in the file, which status comes of it, what is left. */
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readStat } from '../../src/linux/process/proc.ts'
import { packetsOf, pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Result, type Running, run, sleep, start, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { dumpcapsIn, expectNoDumpcap } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { environment, executable, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let inode: number
let folder: string
let file: string
beforeAll(async () => {
  pair = await makeNetnsPair()
  inode = statSync(`/run/netns/${pair.receiver}`).ino
})
afterAll(() => pair.close())
beforeEach(() => {
  folder = scratch()
  file = join(folder, 'test.pcapng')
})
afterEach(() => expectNoDumpcap(inode))

const target = () => `named:${pair.receiver}`
const ping = (count: number) => [
  ...['nsenter', `--net=/run/netns/${pair.sender}`, 'ping', '-q', '-n', '-i', '0.002'],
  ...['-c', String(count), receiverAddress],
]
const around = (command: readonly string[], ...options: string[]) => [
  ...['run', '--capture', target(), '-w', file, ...options, '--', ...command],
]
const script = (code: string) => [process.execPath, '-e', code]
/** Says "up", counts what it is told, and ends with the number a moment after the first. */
const counting = (signal: string) =>
  script(`let count = 0
    process.on('${signal}', () => count++ || setTimeout(() => process.exit(40 + count), 700))
    setInterval(() => {}, 1000); console.log('up')`)

const started: Running[] = []
afterEach(async () => {
  for (const { child } of started.splice(0)) await end(child)
})

/** Starts remora, or a command line on a terminal, and waits until the command in it runs. */
async function startUp(call: readonly string[] | string): Promise<Running> {
  const onTerminal = ['script', '-qec', String(call), '/dev/null']
  const running =
    typeof call === 'string'
      ? start(onTerminal, { env: environment(), stdio: ['pipe', 'pipe', 'pipe'] })
      : startRemora(call)
  started.push(running)
  let text = ''
  running.child.stdout?.on('data', chunk => {
    text += chunk
  })
  await until('the command runs', () => text.includes('up'))
  return running
}

describe('the packets', () => {
  test.each(Array.from({ length: 10 }, (_, index) => index + 1))(
    'of the first and the last instant are in the file (time %d)',
    async () => {
      const { status, stdout, stderr } = await remora(around(ping(3)))
      expect([status, stderr]).toEqual([0, `remora: 6 packets to ${file}\n`])
      expect(stdout).toContain('3 packets transmitted')
      expect(await pingsIn(file)).toEqual([1, 2, 3])
    },
  )

  test('come as options say', async () => {
    expect((await remora(around(ping(3), '-i', 'b0', '-f', 'icmp[icmptype] = icmp-echo', '-s', '60'))).status).toBe(0)
    expect(await packetsOf(file)).toHaveLength(3)
    expect(await must('tshark', '-r', file, '-T', 'fields', '-e', 'frame.cap_len')).toBe('60\n60\n60\n')
  })

  test('are kept up to where the target went, and the command goes on', async () => {
    const other = await makeNetnsPair()
    try {
      const code = `const { execFileSync } = require('node:child_process')
        execFileSync('nsenter', ['--net=/run/netns/${other.sender}', 'ping', '-q', '-c', '2', '-i', '0.1', '${receiverAddress}'])
        setTimeout(() => { execFileSync('ip', ['netns', 'del', '${other.receiver}']); setTimeout(() => console.log('done'), 1500) }, 400)`
      const result = await remora(['run', '--capture', `named:${other.receiver}`, '-w', file, '--', ...script(code)])
      expect(result).toMatchObject({
        status: 0,
        stdout: 'done\n',
        stderr: expect.stringMatching(/; the target has gone\n$/),
      })
      expect(await pingsIn(file)).toEqual([1, 2])
    } finally {
      await other.close()
    }
  })

  test('come from a service too', async () => {
    const socket = join(folder, 'service.sock')
    const service = startRemora(['serve', '--listen', `unix:${socket}`])
    try {
      await until('the service listens', () => existsSync(socket))
      const { status, stderr } = await remora(around(ping(3), '--host', `unix:${socket}`))
      expect([status, stderr]).toEqual([0, `remora: 6 packets to ${file}\n`])
      expect(await pingsIn(file)).toEqual([1, 2, 3])
    } finally {
      service.child.kill('SIGTERM')
      await service.result
    }
  })
})

describe('the command', () => {
  test('has the standard streams, and the path of the file in its environment', async () => {
    const code = 'read line; echo "out $line"; echo "err $REMORA_CAPTURE_FILE" >&2'
    const running = start(
      [executable, 'run', '--capture', target(), '-w', './x/../a b.pcapng', '--', 'sh', '-c', code],
      {
        cwd: folder,
        env: environment(),
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    )
    running.child.stdin?.end('hello\n')
    expect(await running.result).toMatchObject({
      status: 0,
      stdout: 'out hello\n',
      stderr: `err ${folder}/a b.pcapng\nremora: 0 packets to ./x/../a b.pcapng\n`,
    })
    expect(readdirSync(folder)).toEqual(['a b.pcapng'])
  })

  test('keeps its own options, whatever they are called', async () => {
    const own = ['--wait', '--capture', '--extcap-interfaces', '-w', '--', '--help']
    expect((await remora(around(['echo', ...own]))).stdout).toBe(`${own.join(' ')}\n`)
  })

  test.each<[string, string[], number]>([
    ['an exit status', ['sh', '-c', 'exit 3'], 3],
    ['a signal', ['sh', '-c', 'kill -9 $$'], 137],
  ])('hands on %s', async (_, command, expected) => {
    expect(await remora(around(command))).toMatchObject({ status: expected, stderr: `remora: 0 packets to ${file}\n` })
  })

  test.each<[string, () => string[], number, RegExp]>([
    [
      'is not there',
      () => ['remora-no-such-command'],
      127,
      /^remora: cannot run "remora-no-such-command": not found\n$/,
    ],
    ['has no name', () => [''], 127, /^remora: cannot run "": not found\n$/],
    ['may not be executed', () => ['/etc/passwd'], 126, /^remora: cannot run "\/etc\/passwd": permission denied\n$/],
    ['is a folder', () => [folder], 126, /permission denied/],
  ])('that %s leaves no file', async (_, command, expected, message) => {
    expect(await remora(around(command()))).toMatchObject({ status: expected, stderr: expect.stringMatching(message) })
    expect(readdirSync(folder)).toEqual([])
  })

  test.each<[string, string[], number, RegExp]>([
    ['target', ['--capture', 'named:remora-nowhere'], 3, /^remora: TARGET_NOT_FOUND/],
    ['filter', ['-f', 'tcp prt'], 6, /^remora: FILTER_INVALID/],
    ['interface', ['-i', 'eth9'], 6, /^remora: INTERFACE_NOT_FOUND/],
    ['place for the file', ['-w', '/nonexistent/x'], 2, /^remora: USAGE: cannot write/],
    ['file that is one', ['-w', '/dev/null'], 2, /^remora: USAGE: \/dev\/null is no file/],
    ['name of a file', ['-w', '-'], 2, /^remora: USAGE: the packets need a file/],
  ])('does not run without a good %s', async (what, options, expected, message) => {
    const marker = join(folder, 'marker')
    const wanted = what === 'target' ? [] : ['--capture', target()]
    const result = await remora(['run', ...wanted, '-w', file, ...options, '--', 'touch', marker])
    expect(result).toMatchObject({ status: expected, stdout: '', stderr: expect.stringMatching(message) })
    expect(readdirSync(folder)).toEqual([])
  })

  test.each<[string[]]>([
    [['run', '--capture', 'host', '-w', 'f', 'echo', 'x']],
    [['run', '--capture', 'host', '-w', 'f', 'curl', '-s', '5']],
    [['run', '--capture', 'host', '-w', 'f', 'npm', '--', 'test']],
  ])('stands behind dashes: %j', async args => {
    expect(await remora(args, { cwd: folder })).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^remora: USAGE: the command to run stands behind --\nhint: /),
    })
  })
})

describe('with --on-failure', () => {
  test('a success leaves nothing, and what was there as it was', async () => {
    const original = join(folder, 'original')
    writeFileSync(original, 'before')
    symlinkSync(original, file)
    expect(await remora(around(ping(1), '--on-failure'))).toMatchObject({ status: 0, stderr: '' })
    expect(readFileSync(file, 'utf8')).toBe('before')
    expect(readdirSync(folder).sort()).toEqual(['original', 'test.pcapng'])
  })

  test('a failure keeps the file', async () => {
    const { status, stderr } = await remora(around(['sh', '-c', '"$@"; exit 5', 'sh', ...ping(1)], '--on-failure'))
    expect([status, stderr]).toEqual([5, `remora: 2 packets to ${file}\n`])
    expect(await pingsIn(file)).toEqual([1])
  })

  test('a capture that ended first waits for what comes of the command', async () => {
    const late = (status: number) => ['sh', '-c', '"$@"; sleep 1; exit $0', String(status), ...ping(2)]
    const options = ['--on-failure', '-a', 'packets:2']
    expect(await remora(around(late(0), ...options))).toMatchObject({ status: 0, stderr: '' })
    expect(readdirSync(folder)).toEqual([])
    expect(await remora(around(late(4), ...options))).toMatchObject({
      status: 4,
      stderr: `remora: 2 packets to ${file}; stop condition reached\n`,
    })
    expect(await packetsOf(file)).toHaveLength(2)
  })
})

describe('a capture that breaks', () => {
  const broken = async (status: number, ...options: string[]): Promise<Result> => {
    const gate = join(folder, 'gate')
    const waiting = `echo up; while ! [ -e "${gate}" ]; do sleep 0.05; done; sleep 0.5; exit ${status}`
    const running = await startUp(around(['sh', '-c', waiting], ...options))
    const own = () => dumpcapsIn(inode).filter(pid => readStat(pid)?.parent === running.pid)
    expect(own()).toHaveLength(1)
    for (const pid of own()) process.kill(pid, 'SIGKILL')
    await until('its dumpcap has ended', () => own().length === 0)
    writeFileSync(gate, '')
    const result = await running.result
    expect(readdirSync(folder).sort()).toEqual(['gate', 'test.pcapng'])
    return result
  }

  test('lets the command go on, and fails what it did not', async () => {
    expect(await broken(0, '--on-failure')).toMatchObject({
      status: 7,
      stderr: expect.stringMatching(/^remora: CAPTURE_FAILED: dumpcap ended unexpectedly \(SIGKILL\)\nhint: /),
    })
  })

  test('does not hide how the command failed', async () => {
    const { status, stderr } = await broken(3, '--json')
    expect(status).toBe(3)
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      status: 3,
      file,
      error: { code: 'CAPTURE_FAILED' },
    })
  })
})

test('--json tells it in one line on standard error', async () => {
  const { status, stdout, stderr } = await remora(around(ping(2), '--json'))
  expect(status).toBe(0)
  expect(stdout).toContain('2 packets transmitted')
  expect(JSON.parse(stderr)).toMatchObject({
    reference: target(),
    end: 'stopped',
    packets: 4,
    dropped: 0,
    interfaces: [{ name: 'lo' }, { name: 'b0' }],
    status: 0,
    file,
  })
  const success = await remora(around(ping(2), '--json', '--on-failure'))
  expect(JSON.parse(success.stderr)).not.toHaveProperty('file')
})

describe('a signal', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('is the command’s, once: %s', async signal => {
    const running = await startUp(around(counting(signal)))
    running.child.kill(signal)
    expect(await running.result).toMatchObject({ status: 41, stderr: `remora: 0 packets to ${file}\n` })
  })

  test('that the command does not catch ends it, and its status tells', async () => {
    const running = await startUp(around(script(`console.log('up'); setInterval(() => {}, 1000)`), '--on-failure'))
    running.child.kill('SIGTERM')
    expect(await running.result).toMatchObject({ status: 143, stderr: `remora: 0 packets to ${file}\n` })
  })

  test('that comes again kills the command; the capture ends as always', async () => {
    const deaf = script(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')`)
    const running = await startUp(around(deaf, '--json'))
    running.child.kill('SIGTERM')
    await sleep(700)
    running.child.kill('SIGTERM')
    const { status, stderr } = await running.result
    expect(status).toBe(137)
    expect(JSON.parse(stderr)).toMatchObject({ end: 'stopped', complete: true, file })
  })

  test('of the terminal reaches the command once, from the terminal', async () => {
    const words = [executable, ...around(counting('SIGINT'))].map(word => `'${word.replaceAll("'", "'\\''")}'`)
    const running = await startUp(`exec ${words.join(' ')}`)
    running.child.stdin?.write('\x03')
    expect(await running.result).toMatchObject({
      status: 41,
      stdout: expect.stringContaining(`remora: 0 packets to ${file}\r\n`),
    })
  })

  test('before the command starts is the end, and nothing was run', async () => {
    const marker = join(folder, 'marker')
    const args = ['run', '--capture', 'named:remora-never', '--wait', '-w', file, '--', 'touch', marker]
    const running = startRemora(args)
    started.push(running)
    await until('it waits', () => existsSync(`${file}.partial`))
    await sleep(300)
    running.child.kill('SIGINT')
    expect(await running.result).toMatchObject({ status: 130, stdout: '', stderr: '' })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('around a test of a container', () => {
  let engine: Docker
  beforeAll(async () => {
    engine = await startDocker()
    await engine.docker('network', 'create', '--subnet', '172.31.79.0/24', 'shop')
    const serve = ['sh', '-c', 'mkdir /www && echo welcome >/www/index.html && exec httpd -f -p 80 -h /www']
    await engine.container('web', ['--network', 'shop'], serve)
    await engine.container('client', ['--network', 'shop'])
    await until('the web server answers', async () => {
      const { status } = await run(['docker', 'exec', 'client', 'wget', '-qO-', 'http://web/'], { env: engine.env })
      return status === 0
    })
  })
  afterAll(() => engine?.close())

  const wget = (path: string) => ['docker', 'exec', 'client', 'wget', '-qO-', `http://web/${path}`]
  const runTest = (path: string, ...options: string[]) =>
    remora(['run', '--capture', 'web', '-w', file, '-f', 'tcp port 80', ...options, '--', ...wget(path)], {
      env: { DOCKER_HOST: engine.env.DOCKER_HOST },
    })
  const flags = () => must('tshark', '-r', file, '-T', 'fields', '-e', 'tcp.flags.str').then(text => text.split('\n'))

  test('that passes: its whole connection is in the file, from the first packet', async () => {
    const { status, stdout, stderr } = await runTest('')
    expect([status, stdout]).toEqual([0, 'welcome\n'])
    expect(stderr).toMatch(/^remora: \d+ packets to /)
    expect((await flags())[0]).toMatch(/S·$/)
    const infos = (await packetsOf(file)).map(({ info }) => info)
    expect(infos.some(info => info.includes('GET / HTTP/1.1'))).toBe(true)
    expect(infos.filter(info => info.includes('FIN'))).toHaveLength(2)
  })

  test('that fails: the file is kept, and shows why', async () => {
    const { status, stdout } = await runTest('missing', '--on-failure')
    expect([status, stdout]).toEqual([1, ''])
    expect((await flags())[0]).toMatch(/S·$/)
    expect((await packetsOf(file)).some(({ info }) => info.includes('404 Not Found'))).toBe(true)
  })

  test('that passes: nothing is kept where only failures are wanted', async () => {
    expect(await runTest('', '--on-failure')).toMatchObject({ status: 0, stdout: 'welcome\n', stderr: '' })
    expect(readdirSync(folder)).toEqual([])
  })
})
