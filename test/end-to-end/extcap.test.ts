/** The extcap protocol, spoken to the executable as Wireshark speaks it: no sentence too many, nothing on standard error. */

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { localArguments } from '../../extcap/arguments.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Result, type Running, run, sleep, start, until } from '../helpers/command.ts'
import { expectNoDumpcap, untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { bundle, environment, executable, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { parseSentence, parseSentences } from '../helpers/sentences.ts'

/** One call as Wireshark makes it when it lists: no input, a read-only folder, and little in the environment. */
function call(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return run([executable, ...args], { cwd: '/usr', env: { PATH: '/usr/bin:/bin', ...env } })
}

const ok = (stdout: string | RegExp) => ({
  status: 0,
  stderr: '',
  stdout: stdout instanceof RegExp ? expect.stringMatching(stdout) : stdout,
})

describe('listing', () => {
  test('the interfaces are the same whatever version asks, and whatever else is said', async () => {
    const first = await call(['--extcap-interfaces', '--extcap-version=4.6'])
    expect(first).toMatchObject(
      ok(
        /^extcap \{version=\d+\.\d+\.\d+\}.*\n(interface .*\n)*interface \{value=mobyshark\}.*\ninterface \{value=packetflix\}.*\ninterface \{value=remora\}\{display=[^{}]+\}\n$/,
      ),
    )
    for (const args of [[], ['--extcap-version', '4.0'], ['--extcap-version=99.0'], ['--bogus', 'x', '-y', '--z=1']]) {
      expect((await call(['--extcap-interfaces', ...args])).stdout).toBe(first.stdout)
    }
  })

  test('the interface that is listed last has arguments that are saved', async () => {
    const { stdout } = await call(['--extcap-interfaces'])
    const last = parseSentences(stdout).at(-1)?.attributes.value ?? ''
    const config = parseSentences((await call(['--extcap-config', '--extcap-interface', last])).stdout)
    expect(
      config.filter(({ word, attributes }) => word === 'arg' && attributes.save === undefined).length,
    ).toBeGreaterThan(0)
  })

  test('link types are told in either order of options', async () => {
    const line = /^dlt \{number=\d+\}\{name=[^{}]+\}\{display=[^{}]+\}\n$/
    expect(await call(['--extcap-dlts', '--extcap-interface', 'remora'])).toMatchObject(ok(line))
    expect(await call(['--extcap-interface=remora', '--extcap-dlts'])).toMatchObject(ok(line))
    expect(await call(['--extcap-dlts', '--extcap-interface', 'remora-web'])).toMatchObject(ok(line))
  })

  test.each(['--extcap-dlts', '--extcap-config'])(
    '%s of an interface that is none of ours prints nothing',
    async step => {
      expect(await call([step, '--extcap-interface', 'nosuch'])).toMatchObject({ status: 2, stdout: '', stderr: '' })
    },
  )

  test('the configuration has every argument, selectors begin with an empty value, and no line is malformed', async () => {
    const { stdout, ...rest } = await call(['--extcap-config', '--extcap-interface', 'remora'])
    expect(rest).toMatchObject({ status: 0, stderr: '' })
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^(arg|value) (\{[a-z]+=[^\n]*?\})+$/)
    const sentences = parseSentences(stdout)
    const args = sentences.filter(({ word }) => word === 'arg').map(({ attributes }) => attributes)
    expect(args.map(({ call: option }) => option)).toEqual(localArguments.map(({ call: option }) => `--${option}`))
    for (const { type, number } of args) {
      const values = sentences.filter(({ word, attributes }) => word === 'value' && attributes.arg === number)
      if (type !== 'multicheck') expect(values[0]?.attributes.value).toBe(type === 'selector' ? '' : undefined)
    }
    expect(stdout).not.toMatch(/required|password|token/)
  })

  test('an interface of a container has no arguments, so none of its settings stay behind', async () => {
    expect(await call(['--extcap-config', '--extcap-interface', 'remora-web'])).toMatchObject(ok(''))
  })

  test('fifty calls at once all answer', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, () => call(['--extcap-config', '--extcap-interface', 'remora'])),
    )
    expect(results.map(({ status, stderr }) => [status, stderr])).toEqual(results.map(() => [0, '']))
  })

  test('how many containers are listed is read from the configuration', async () => {
    const home = scratch()
    mkdirSync(join(home, '.config/remora'), { recursive: true })
    writeFileSync(join(home, '.config/remora/config.json'), '{"list":0}')
    expect((await call(['--extcap-interfaces'], { HOME: home })).stdout.match(/^interface/gm)).toHaveLength(3)
  })

  test('Wireshark asks for sub-options and for cleaning up: answered with silence', async () => {
    expect(
      await call([
        '--extcap-interface',
        'remora',
        '--extcap-config-option-name',
        'a',
        '--extcap-config-option-value',
        'b',
      ]),
    ).toMatchObject(ok(''))
    for (let times = 0; times < 2; times++) expect(await call(['--extcap-cleanup-postkill'])).toMatchObject(ok(''))
  })

  test.each([
    ['--log-file', '/nonexistent/log'],
    ['--log-file', '/tmp', '--log-level', 'debug'],
    ['--log-level', 'nonsense', '--log-file', '/dev/full'],
  ])('a log that cannot be written costs no interface: %s %s', async (...log) => {
    expect(await call(['--extcap-interfaces', ...log])).toMatchObject(ok(/^interface /m))
  })

  test('the log goes to a file, and only there', async () => {
    const log = join(scratch(), 'log')
    expect(await call(['--extcap-interfaces', '--log-level', 'debug', '--log-file', log])).toMatchObject(
      ok(/interface/),
    )
    expect(readFileSync(log, 'utf8')).toMatch(/debug called with \["--extcap-interfaces"/)
  })
})

describe('an engine that hangs', () => {
  let server: Server
  let env: NodeJS.ProcessEnv
  beforeAll(async () => {
    const socket = join(scratch(), 'docker.sock')
    server = createServer(() => {})
    await new Promise<void>(resolve => server.listen(socket, resolve))
    env = { DOCKER_HOST: `unix://${socket}`, HOME: scratch() }
  })
  afterAll(() => {
    server.close()
  })

  test.each([
    [['--extcap-interfaces']],
    [['--extcap-config', '--extcap-interface', 'remora']],
    [['--extcap-dlts', '--extcap-interface', 'remora']],
    [['--extcap-config', '--extcap-interface', 'remora', '--extcap-reload-option', 'target']],
  ])('does not hold up %j', async args => {
    const started = performance.now()
    expect(await call(args, env)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/./) })
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe('reload', () => {
  let pair: NetnsPair
  beforeAll(async () => {
    pair = await makeNetnsPair()
  })
  afterAll(() => pair.close())
  const reload = (option: string, ...args: string[]) =>
    call(['--extcap-config', '--extcap-interface', 'remora', '--extcap-reload-option', option, ...args])
  const values = ({ stdout }: Result) => parseSentences(stdout).map(({ attributes }) => attributes.value)

  test.each([['--showemptynetns', 'true'], ['--showemptynetns=true'], ['--showemptynetns'], []])(
    'targets, with %j',
    async (...flags) => {
      const result = await reload('target', '--match', pair.receiver, '--interface', '', ...flags)
      expect(result).toMatchObject({ status: 0, stderr: '' })
      expect(values(result)).toEqual(['', `named:${pair.receiver}`])
      expect(new Set(parseSentences(result.stdout).map(({ attributes }) => attributes.arg))).toEqual(new Set(['1']))
    },
  )

  test('a kind that is not ticked is not listed', async () => {
    expect(
      values(await reload('target', '--match', pair.receiver, '--showprocs', 'true', '--showemptynetns', 'false')),
    ).toEqual([''])
  })

  test('interfaces of the target that is chosen', async () => {
    const byTarget = await reload('interface', '--target', `named:${pair.receiver}`)
    expect(values(byTarget)).toEqual(['', 'lo', 'b0', 'any'])
    expect(
      values(await reload('interface', '--target', 'docker:nope', '--reference', `named:${pair.receiver}`)),
    ).toEqual(values(byTarget))
  })

  test('interfaces of a target that is gone: nothing, so that the old list stays', async () => {
    expect(await reload('interface', '--target', 'named:gone')).toMatchObject({ status: 3, stdout: '', stderr: '' })
  })
})

describe('capture filters are checked while they are typed', () => {
  const check = (filter: string) => call(['--extcap-capture-filter', filter, '--extcap-interface', 'remora'])

  test('a good one is answered with silence', async () => {
    const started = performance.now()
    expect(await check('tcp port 80')).toMatchObject(ok(''))
    expect(performance.now() - started).toBeLessThan(1_500)
  })

  test.each(['tcp port', 'foo', '((', 'host 1.2.3.4.5', '-w /tmp/x', '$(id)', '; true'])(
    '%s is answered with one line',
    async filter => {
      expect(await check(filter)).toMatchObject(ok(/^the capture filter ".*" is not valid on .*\n$/))
    },
  )

  test('where it cannot be told, nothing is said', async () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', executable]
    const args = ['--extcap-capture-filter', 'tcp', '--extcap-interface', 'remora']
    expect(await run([...nobody, ...args], { env: environment() })).toMatchObject({ status: 4, stdout: '', stderr: '' })
  })
})

describe('for people', () => {
  test.each([executable, `${process.execPath} ${bundle}`])('%s tells its version and its help', async command => {
    expect(await run([...command.split(' '), '--version'])).toMatchObject(ok(/^remora \d+\.\d+\.\d+\n$/))
    expect(await run(command.split(' '))).toMatchObject(ok(/Usage: remora/))
    expect(await run([...command.split(' '), '--help'])).toMatchObject(
      ok(/Usage: remora.*\n[\s\S]*capture[\s\S]*doctor/),
    )
    expect(await run([...command.split(' '), 'capture', '--help'])).toMatchObject(ok(/--interface <NIF>/))
  })
})

describe('a capture', () => {
  let pair: NetnsPair
  let inode: number
  let folder: string
  const started: Running[] = []
  beforeAll(async () => {
    pair = await makeNetnsPair()
    inode = statSync(`/run/netns/${pair.receiver}`).ino
    folder = scratch()
  })
  afterEach(async () => {
    for (const { child } of started.splice(0)) await end(child)
  })
  afterAll(() => pair.close())

  async function fifo(): Promise<string> {
    const path = join(folder, `fïfo ${Math.random()}`)
    await must('mkfifo', path)
    return path
  }

  /** A capture into a fifo that is copied to a file. */
  async function capture(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const path = await fifo()
    const file = join(folder, `${Math.random()}.pcapng`)
    const reader = start(['sh', '-c', 'cat "$0" >"$1"', path, file])
    const running = startRemora(['--capture', '--fifo', path, ...args], { env })
    started.push(reader, running)
    return { reader, running, file }
  }

  const remoraTo = (...args: string[]) => [
    '--extcap-interface',
    'remora',
    '--reference',
    `named:${pair.receiver}`,
    ...args,
  ]

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'into a fifo until %s: header at once, silent, complete',
    async signal => {
      const { running, reader, file } = await capture(['--noprom', ...remoraTo('--extcap-capture-filter', 'icmp')])
      await until('the header is there', () => existsSync(file) && statSync(file).size > 200, 2_000)
      await untilReading(inode)
      await pair.ping(3)
      running.child.kill(signal)
      expect(await running.result).toMatchObject({ status: 0, stdout: '', stderr: '' })
      await reader.result
      expect(await pingsIn(file)).toEqual([1, 2, 3])
      await expectNoDumpcap(inode)
    },
  )

  test('ends when the one who started it is killed, on an idle interface', async () => {
    const path = await fifo()
    started.push(start(['cat', path]))
    // The shell stays between us, as Wireshark would.
    const parent = start(['sh', '-c', '"$0" "$@"; true', executable, '--capture', '--fifo', path, ...remoraTo()], {
      env: environment(),
    })
    await untilReading(inode)
    await end(parent.child)
    await expectNoDumpcap(inode)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('ends on %s before anybody has opened the fifo', async signal => {
    const running = startRemora(['--capture', '--fifo', await fifo(), ...remoraTo()])
    await sleep(300)
    running.child.kill(signal)
    const { status, signal: by, stderr } = await running.result
    expect([status ?? by, stderr]).toEqual([signal === 'SIGKILL' ? 'SIGKILL' : 0, ''])
  })

  test('twenty times in a row, and five at once, leaves nothing', async () => {
    const once = async () => {
      const { running, reader, file } = await capture(remoraTo())
      await until('the header is there', () => existsSync(file) && statSync(file).size > 0)
      running.child.kill('SIGTERM')
      expect(await running.result).toMatchObject({ status: 0, stderr: '' })
      await reader.result
    }
    for (let times = 0; times < 20; times++) await once()
    await Promise.all(Array.from({ length: 5 }, once))
    await expectNoDumpcap(inode)
  })

  describe('that cannot start opens and closes the fifo, and says why in one line', () => {
    test.each<[string, string[], number, RegExp]>([
      ['an unknown target', ['--extcap-interface', 'remora', '--reference', 'named:gone'], 3, /^TARGET_NOT_FOUND: /],
      [
        'no reference',
        ['--extcap-interface', 'remora', '--reference', 'pid:x'],
        2,
        /^USAGE: "pid:x" is no target reference/,
      ],
      [
        'a container that is gone',
        ['--extcap-interface', 'remora-gone'],
        3,
        /^TARGET_NOT_FOUND: the container or pod of interface remora-gone/,
      ],
      [
        'an interface that is none of ours',
        ['--extcap-interface', 'eth0'],
        2,
        /^USAGE: remora has no interface "eth0"/,
      ],
      [
        'a process number that was reused',
        ['--extcap-interface', 'remora', '--reference', `pid:${process.pid}@1`],
        3,
        /^TARGET_STALE: /,
      ],
      ['an unknown argument', ['--extcap-interface', 'remora', '--bogus'], 2, /^USAGE: unknown argument --bogus/],
      [
        'a bad snapshot length',
        ['--extcap-interface', 'remora', '--snaplen', 'x'],
        2,
        /^USAGE: "x" is no snapshot length/,
      ],
    ])('%s', async (_, args, exit, message) => {
      const { running, reader, file } = await capture(args)
      const { status, stdout, stderr } = await running.result
      expect([status, stdout, stderr]).toEqual([exit, '', expect.stringMatching(message)])
      expect(stderr.length).toBeLessThanOrEqual(1_001)
      expect(stderr.trimEnd()).not.toContain('\n')
      await reader.result
      expect(statSync(file).size).toBe(0)
    })

    test.each(['-', 'TCP@1.2.3.4', 'nope', '/etc/passwd', 'eth0 -w x'])('interface %s', async name => {
      const { running, reader, file } = await capture(remoraTo('--interface', name))
      expect(await running.result).toMatchObject({
        status: 6,
        stdout: '',
        stderr: expect.stringMatching(/^INTERFACE_NOT_FOUND: .*there are lo, b0, any/),
      })
      await reader.result
      expect(statSync(file).size).toBe(0)
    })

    test('a filter of 100 kB', async () => {
      const { running } = await capture(
        remoraTo('--extcap-capture-filter', `host 1.2.3.4${' or host 1.2.3.4'.repeat(6_000)}`),
      )
      expect(await running.result).toMatchObject({
        status: 6,
        stderr: expect.stringMatching(/^FILTER_INVALID: the capture filter is longer/),
      })
    })

    test('a name that would steer a terminal', async () => {
      const { running } = await capture(remoraTo('--interface', 'a\x1b]0;evil\x07b'))
      const { stderr } = await running.result
      expect(stderr).toMatch(/^INTERFACE_NOT_FOUND: /)
      expect(stderr.trimEnd()).not.toMatch(/\p{Cc}/u)
    })

    test('a bad filter', async () => {
      const { running, reader, file } = await capture(remoraTo('--extcap-capture-filter', 'tcp prt'))
      expect(await running.result).toMatchObject({
        status: 6,
        stdout: '',
        stderr: expect.stringMatching(/^FILTER_INVALID: /),
      })
      await reader.result
      expect(statSync(file).size).toBe(0)
      await expectNoDumpcap(inode)
    })

    test.each<[string, string[], RegExp]>([
      ['no fifo', [], /^USAGE: --capture needs --fifo PATH/],
      ['a fifo that is missing', ['--fifo', '/nonexistent/fifo'], /^USAGE: cannot open the fifo/],
      ['a fifo that is a file', ['--fifo', '/etc/hostname'], /^USAGE: \/etc\/hostname is not a fifo/],
      ['a fifo that is a folder', ['--fifo', '/tmp'], /^USAGE: cannot open the fifo/],
    ])('%s', async (_, args, message) => {
      const running = startRemora(['--capture', ...remoraTo(), ...args])
      expect(await running.result).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(message) })
      await expectNoDumpcap(inode)
    })
  })

  test('says in one line why it ended when an interface was removed', async () => {
    const other = await makeNetnsPair()
    const { running } = await capture(['--extcap-interface', 'remora', '--reference', `named:${other.receiver}`])
    const there = statSync(`/run/netns/${other.receiver}`).ino
    await untilReading(there)
    await must('ip', '-n', other.receiver, 'link', 'del', 'b0')
    expect(await running.result).toMatchObject({
      status: 0,
      stderr: `interface b0 of named:${other.receiver} was removed; the capture has ended\n`,
    })
    await other.close()
  })
})

test('sentences are read by the same rules as Wireshark does', () => {
  expect(parseSentence(' arg {number=1}')).toBeUndefined()
  expect(parseSentence('arg{number=1}')).toBeUndefined()
  expect(parseSentence('value {arg=1}{display=a} b}')).toEqual({
    word: 'value',
    attributes: { arg: '1', display: 'a' },
  })
})
