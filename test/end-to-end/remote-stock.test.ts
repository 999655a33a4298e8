/** A capture from a stock Packetflix, with all its faults: what is asked for, what is made of it, and how its ends are told. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { twoPackets } from '../helpers/blocks.ts'
import { packetsOf } from '../helpers/capture-file.ts'
import { end, must, type Result, run, sleep, start, until } from '../helpers/command.ts'
import { environment, executable, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { encodeParameters } from '../helpers/stock-parameters.ts'
import { type StockServer, type StockServerOptions, startStockServer } from '../helpers/stock-server.ts'
import type { End } from '../helpers/stock-stream.ts'

const web = {
  name: 'web',
  type: 'docker',
  netns: 4026532573,
  'network-interfaces': ['lo', 'eth0'],
  pid: 41234,
  starttime: 918273,
  prefix: '',
}
const odd = { ...web, name: 'a+b 100% ü', netns: 4026532574, prefix: 'outer' }
const document = { metadata: {}, containers: [web, odd] }

const folder = scratch()
const servers: StockServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function stock(options: StockServerOptions = {}): Promise<StockServer> {
  const server = await startStockServer({ content: twoPackets(), document, ...options })
  servers.push(server)
  return server
}

let count = 0
function newFile(): string {
  count++
  return join(folder, `${count}.pcapng`)
}

/** A capture as Wireshark starts it, into a fifo that is copied to a file. */
async function extcap(nif: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const file = newFile()
  const fifo = `${file}.fifo`
  await must('mkfifo', fifo)
  const reader = start(['sh', '-c', 'cat "$0" >"$1"', fifo, file])
  const running = startRemora(['--capture', '--extcap-interface', nif, '--fifo', fifo, ...args], { env })
  const result = running.result.finally(() => reader.result)
  return { file, running, result }
}

const address = ({ url }: StockServer) => url.replace(/^https?:\/\//, '')
/** csharg and cshargextcap say which host they ask. */
const onHost = (target: object) => ({ ...target, 'node-name': '127.0.0.1' })
const query = (target: unknown, more = '') => `container=${encodeURIComponent(JSON.stringify(target))}${more}`

describe('every kind of URL leads there', () => {
  test.each<[string, StockServerOptions, (server: StockServer) => string]>([
    ['as a page writes it', {}, server => `packetflix:ws://${address(server)}/capture?${query(web)}`],
    ['without packetflix:', {}, server => `ws://${address(server)}/capture?${query(web)}`],
    ['with http:', {}, server => `packetflix:http://${address(server)}/capture?${query(web)}`],
    ['without /capture', {}, server => `packetflix:ws://${address(server)}?${query(web)}`],
    ['with a slash alone', {}, server => `packetflix:ws://${address(server)}/?${query(web)}`],
    ['behind a path', { prefix: '/edge/shark' }, server => `packetflix:ws://${address(server)}/capture?${query(web)}`],
    ['the same without /capture', { prefix: '/edge' }, server => `packetflix:ws://${address(server)}/?${query(web)}`],
    ['with an address of IPv6', { host: '::1' }, server => `packetflix:ws://${address(server)}/capture?${query(web)}`],
    ['with a namespace only', {}, server => `packetflix:ws://${address(server)}/capture?netns=4026532573`],
    [
      'with a token in the query',
      { requireToken: 's3cret' },
      server => `packetflix:ws://${address(server)}/capture?${query(web)}&token=s3cret`,
    ],
    [
      'with a token as password',
      { requireToken: 's3/%' },
      server => `packetflix:ws://:s3%2F%25@${address(server)}/capture?${query(web)}`,
    ],
  ])('%s', async (_, options, url) => {
    const { file, result } = await extcap('packetflix', ['--url', url(await stock(options)), '--proxyoff'])
    expect(await result).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(await packetsOf(file)).toHaveLength(2)
  })

  test('without an inner scheme it is TLS', async () => {
    const server = await stock()
    const { result } = await extcap('packetflix', ['--url', `packetflix:${address(server)}/capture?${query(web)}`])
    expect(await result).toMatchObject({
      status: 8,
      stderr: expect.stringMatching(/^PEER_FAILED: cannot reach .* does not speak TLS as it should .*ws:.*\n$/),
    })
  })

  test.each([
    ['nothing', '', /^USAGE: this interface needs a packetflix: URL/],
    ['no target', 'ws://localhost:1/capture', /^USAGE: either container or netns query parameter required/],
    ['no URL', 'packetflix:ws://:s3cret@', /^USAGE: "packetflix:ws:\/\/…@" is no packetflix: URL/],
  ])('%s is refused', async (_, url, message) => {
    const { result } = await extcap('packetflix', ['--url', url])
    expect(await result).toMatchObject({ status: 2, stderr: expect.stringMatching(message) })
  })
})

describe('what is asked for is what csharg would ask for', () => {
  test('from the dialog: in the query and in headers', async () => {
    const server = await stock()
    // As Go escapes a query, which is what cshargextcap has saved.
    const saved = encodeURIComponent(JSON.stringify(odd)).replaceAll('%20', '+')
    const { result } = await extcap('mobyshark', [
      ...['--dockerhosturl', server.url, '--container', saved, '--nif', 'lo/eth0', '--noprom', '--proxyoff'],
      ...['--extcap-capture-filter', 'tcp port 80'],
    ])
    expect(await result).toMatchObject({ status: 0, stderr: '' })
    const wanted = encodeParameters({ target: onHost(odd), nifs: ['lo', 'eth0'], filter: 'tcp port 80', chaste: true })
    expect(asked(server)).toEqual(plain(new URLSearchParams(wanted.query), wanted.headers))
  })

  test('from a link, with the filter of the window added', async () => {
    const server = await stock()
    const url = `packetflix:ws://${address(server)}/capture?${query(web, '&nif=eth0&filter=tcp&chaste')}`
    const { result } = await extcap('packetflix', ['--url', url, '--extcap-capture-filter', 'port 80'])
    expect(await result).toMatchObject({ status: 0, stderr: '' })
    const wanted = encodeParameters({
      target: onHost(web),
      nifs: ['eth0'],
      filter: '(tcp) and (port 80)',
      chaste: true,
    })
    expect(asked(server)).toEqual(plain(new URLSearchParams(wanted.query), wanted.headers))
  })

  test('from the command line, by the name in its list', async () => {
    const server = await stock()
    const file = newFile()
    const args = ['capture', 'outer/a+b 100%25 ü', '--host', server.url, '-f', 'icmp', '-w', file, '--json']
    const { status, stdout, stderr } = await remora(args)
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({ packets: 2, complete: true })
    const wanted = encodeParameters({ target: onHost(odd), nifs: ['any'], filter: 'icmp' })
    expect(asked(server)).toEqual(plain(new URLSearchParams(wanted.query), wanted.headers))
    expect(await packetsOf(file)).toHaveLength(2)
  })

  /** JSON may be written in several ways, so it is compared by what it says. */
  function plain(parameters: URLSearchParams, headers: Readonly<Record<string, string>>) {
    const readable = (name: string, value: string) => [
      name.toLowerCase(),
      name.toLowerCase().endsWith('container') ? JSON.parse(value) : value,
    ]
    return {
      query: Object.fromEntries([...parameters].map(([name, value]) => readable(name, value))),
      headers: Object.fromEntries(
        Object.entries(headers)
          .filter(([name]) => /^clustershark-/i.test(name))
          .map(([name, value]) => readable(name, Buffer.from(value, 'latin1').toString())),
      ),
    }
  }

  function asked({ requests }: StockServer) {
    const request = requests.find(({ isUpgrade }) => isUpgrade)
    if (request === undefined) throw new Error('no capture was asked for')
    const raw = Object.entries(request.headers).map(([name, text]) => [name, Buffer.from(text).toString('latin1')])
    return plain(request.query, Object.fromEntries(raw))
  }
})

test.each([
  ['a snapshot length', ['-s', '100']],
  ['a number of packets', ['-a', 'packets:5']],
  ['a size', ['-a', 'filesize:5']],
  ['--wait', ['--wait']],
  ['--follow', ['--follow']],
])('%s is refused, since the protocol has no word for it', async (_, args) => {
  const server = await stock()
  expect(await remora(['capture', 'web', '--host', server.url, '-w', newFile(), ...args])).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^remora: USAGE: .* is no remora and does not know .*\nhint: /),
  })
  expect(server.requests.some(({ isUpgrade }) => isUpgrade)).toBe(false)
})

/** A stream without its first block. */
const behindHeader = (stream: Buffer) => stream.subarray(stream.readUInt32LE(4))
const commentOf = (file: string) => must('capinfos', '-k', file)

describe('what dumpcap has recorded', () => {
  let recorded: Buffer
  beforeAll(async () => {
    const file = newFile()
    await must('dumpcap', '-q', '-i', 'lo', '-a', 'duration:1', '--capture-comment', 'by hand', '-w', file)
    recorded = readFileSync(file)
  })

  test('has the target and the context in its first section, and everything else it had', async () => {
    const { url } = await stock({ content: recorded, chunk: 10 })
    const file = newFile()
    const args = ['capture', 'web', '-f', 'tcp', '-p', '--host', url, '-w', file]
    expect(await remora(args)).toMatchObject({ status: 0, stderr: '' })
    const summary = JSON.parse(await must(executable, 'info', '--json', file))
    expect(summary).toMatchObject({
      sections: [{ application: expect.stringMatching(/^Dumpcap/), comments: ['by hand\n'] }],
      target: expect.stringMatching(
        /container-name: web\ncontainer-type: docker\nnode-name: "127\.0\.0\.1"\ncapture-filter: tcp\nno-promiscuous-mode: true\n$/,
      ),
      context: expect.stringMatching(/reference: "container:web"[\s\S]*netns: 4026532573[\s\S]*pid: 41234/),
    })
    expect(behindHeader(readFileSync(file)).equals(behindHeader(recorded))).toBe(true)
  })

  test('is short enough for the pipe reader of Wireshark 4.0, and read by the one here', async () => {
    const long = { ...web, name: 'a'.repeat(1_000), prefix: 'b'.repeat(1_000) }
    const server = await stock({ content: recorded, document: { metadata: {}, containers: [long] } })
    const { file, result } = await extcap('mobyshark', [
      ...['--dockerhosturl', server.url, '--container', encodeURIComponent(JSON.stringify(long))],
    ])
    expect(await result).toMatchObject({ status: 0, stderr: '' })
    expect(readFileSync(file).readUInt32LE(4)).toBeLessThanOrEqual(2_048)
    expect(await commentOf(file)).toMatch(/by hand[\s\S]*container-name: "aaa/)
    expect(await packetsOf(file)).toEqual(await packetsOf(await write(recorded)))
  })

  test('that a remora has described is left as it came', async () => {
    const described = newFile()
    const { url } = await stock({ content: recorded })
    await must(executable, 'capture', 'web', '--host', url, '-w', described)
    const content = readFileSync(described)
    const file = newFile()
    await must(executable, 'capture', 'outer/a+b 100%25 ü', '--host', (await stock({ content })).url, '-w', file)
    expect(readFileSync(file).equals(content)).toBe(true)
  })

  async function write(bytes: Buffer): Promise<string> {
    const file = newFile()
    writeFileSync(file, bytes)
    return file
  }
})

describe('frames', () => {
  test.each<[string, StockServerOptions]>([
    ['borders in any place', { chunk: 1 }],
    ['borders of odd sizes', { chunk: [1, 7, 100, 3] }],
    ['empty frames between', { emptyFrames: true, chunk: 50 }],
    ['text frames between', { textFrames: true, chunk: 50 }],
    ['all at once', { chunk: 1 << 20 }],
    ['together with the handshake', { together: true, chunk: 100 }],
  ])('%s: the stream is what was sent, behind a header that tells of the target', async (_, options) => {
    const file = newFile()
    const { status, stderr } = await remora(['capture', 'web', '--host', (await stock(options)).url, '-w', file])
    expect([status, stderr]).toEqual([0, ''])
    expect(behindHeader(readFileSync(file)).equals(behindHeader(twoPackets()))).toBe(true)
    expect(await commentOf(file)).toContain('container-name: web')
  })
})

describe('ends', () => {
  const captured = async (options: StockServerOptions, ...args: string[]): Promise<[Result, string]> => {
    const file = newFile()
    const { url } = await stock(options)
    return [await remora(['capture', 'web', '--host', url, '-w', file, '--json', ...args]), file]
  }
  const cut = twoPackets().subarray(0, -30)

  test('1006 with a reason: the reason is shown, the packets are kept', async () => {
    const [{ status, stderr }, file] = await captured({ end: { close: 1006, reason: 'The interface went down.' } })
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: .*: The interface went down\./),
    ])
    expect(await packetsOf(file)).toHaveLength(2)
  })

  test('1006 in place of any packet: the reason is shown, and no file is left', async () => {
    const reason = `cannot lock target network stack ${'x'.repeat(80)}`
    for (const together of [false, true]) {
      const [{ status, stderr }, file] = await captured({ content: [], end: { close: 1006, reason }, together })
      expect([status, stderr]).toEqual([7, expect.stringContaining(reason)])
      expect(existsSync(file)).toBe(false)
    }
  })

  test.each<[string, End]>([
    ['a reset', 'drop'],
    ['an end of the connection', 'fin'],
  ])('%s is a failure; the file ends behind the last whole block', async (_, ending) => {
    const [{ status, stderr }, file] = await captured({ content: cut, end: ending })
    expect([status, stderr]).toEqual([8, expect.stringMatching(/^remora: PEER_FAILED: /)])
    expect(await packetsOf(file)).toHaveLength(1)
  })

  test('in the middle of a block, although in good order: the file ends behind the last whole block', async () => {
    const [{ status }, file] = await captured({ content: cut })
    expect(status).toBe(0)
    expect(await packetsOf(file)).toHaveLength(1)
    expect((await run(['capinfos', file])).stderr).toBe('')
  })

  test('what is no capture at all leaves no file', async () => {
    const [{ status, stderr }, file] = await captured({ content: Buffer.from('<html>nothing</html>'.repeat(99)) })
    expect([status, stderr]).toEqual([8, expect.stringMatching(/^remora: PEER_FAILED: .* sends no capture/)])
    expect(existsSync(file)).toBe(false)
  })

  test('a duration is kept by this side', async () => {
    const [{ status, stdout }, file] = await captured({ end: 'quiet' }, '-a', 'duration:1')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ end: 'stop-condition', packets: 2 })
    expect(servers[0]?.connections[0]?.close).toEqual({ code: 1000, reason: 'ciao' })
    expect(await packetsOf(file)).toHaveLength(2)
  })

  test('a service that hangs is left alone after some seconds when asked to stop, and at once when asked again', async () => {
    for (const [again, limit] of [
      [false, 9_000],
      [true, 1_500],
    ] as const) {
      const server = await stock({ end: 'hang' })
      const file = newFile()
      const running = startRemora(['capture', 'web', '--host', server.url, '-w', file])
      await until('packets are there', () => existsSync(`${file}.partial`) && packetsThere(`${file}.partial`), 20_000)
      const asked = performance.now()
      running.child.kill('SIGINT')
      await sleep(again ? 700 : 0)
      if (again) running.child.kill('SIGINT')
      expect((await running.result).status).toBe(0)
      expect(performance.now() - asked).toBeLessThan(limit)
      expect(await packetsOf(file)).toHaveLength(2)
    }
  })

  const packetsThere = (file: string) => readFileSync(file).length >= twoPackets().length

  test('the token is refused', async () => {
    const server = await stock({ requireToken: 'right' })
    for (const env of [{}, { REMORA_TOKEN: 'wr0ng' }]) {
      const { status, stderr } = await remora(['capture', 'web', '--host', server.url, '-w', newFile()], { env })
      expect([status, stderr]).toEqual([4, expect.stringMatching(/^remora: UNAUTHORIZED: .*\nhint: Give the token/)])
      expect(stderr).not.toContain('wr0ng')
    }
    const { result } = await extcap('packetflix', ['--url', `ws://${address(server)}/capture?${query(web)}`])
    expect(await result).toMatchObject({ status: 4, stderr: expect.stringMatching(/^UNAUTHORIZED: /) })
  })
})

describe('its list', () => {
  test('is read, and leads to its entries', async () => {
    const { url } = await stock()
    const { stdout } = await remora(['list', '--json', '--host', url])
    expect(JSON.parse(stdout)).toMatchObject([
      { ...web, reference: 'container:web' },
      { ...odd, reference: 'container:outer/a+b%20100%25%20ü' },
    ])
  })

  test('is missing: said so', async () => {
    expect(await remora(['list', '--host', (await stock({ document: '<html>' })).url])).toMatchObject({
      status: 8,
      stderr: expect.stringMatching(/lists no targets\nhint: .*--proxy-discovery/),
    })
  })

  test('cannot be watched: said so', async () => {
    expect(await remora(['list', '--watch', '--host', (await stock()).url])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^remora: USAGE: .* does not tell what changes/),
    })
  })
})

test('a reader of the fifo that goes away ends the capture within moments, also when nothing is sent', async () => {
  const server = await stock({ end: 'quiet' })
  const fifo = `${newFile()}.fifo`
  await must('mkfifo', fifo)
  const reader = start(['cat', fifo], { stdio: ['ignore', 'ignore', 'ignore'] })
  const running = start(
    [executable, '--capture', '--extcap-interface', 'packetflix', '--fifo', fifo].concat([
      ...['--url', `ws://${address(server)}/capture?${query(web)}`],
    ]),
    { env: environment() },
  )
  await until('it runs', () => server.connections.length > 0, 20_000)
  await sleep(300)
  await end(reader.child)
  const gone = performance.now()
  expect(await running.result).toMatchObject({ status: 0, stderr: '' })
  expect(performance.now() - gone).toBeLessThan(3_000)
  expect(server.connections[0]?.close).toEqual({ code: 1000, reason: 'ciao' })
})
