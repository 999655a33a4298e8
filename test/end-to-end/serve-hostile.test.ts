/** What the service makes of clients that do not mean well, or do not know better: the right status, and nothing started. */
import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sleep, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { captures, connectRaw, type ServiceUnderTest, sendRaw, serve } from '../helpers/service.ts'
import { stockCapture } from '../helpers/stock-client.ts'
import { closePayload, frame, frameReader, opcodes } from '../helpers/websocket.ts'

let pair: NetnsPair
let service: ServiceUnderTest
let target: string
beforeAll(async () => {
  pair = await makeNetnsPair()
  target = `named:${pair.receiver}`
  service = await serve()
})
afterAll(async () => {
  await service?.close()
  await pair?.close()
})
afterEach(async () => {
  expect((await service.get('/healthz')).status).toBe(200)
  await until('no capture runs', async () => (await captures(service)).length === 0)
  await until('nothing is left', () => service.children().length === 0 && service.temporary().length === 0)
  expect(service.log().filter(({ level, end }) => level === 50 || end === 'BUG')).toEqual([])
})

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: { code: string } }).error.code
}

/** What a stock client asks for, by the name of the namespace. */
function stockTarget(interfaces: readonly string[]): Record<string, unknown> {
  return { name: `/run/netns/${pair.receiver}`, type: 'bindmount', 'network-interfaces': interfaces }
}

function request(lines: readonly string[], body = ''): string {
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

describe('a body', () => {
  test.each<[string, string, string]>([
    ['garbage', '\u0000{]', 'USAGE'],
    ['nothing', '', 'USAGE'],
    ['an array', '[]', 'USAGE'],
    ['an unknown field', '{"target":"host","shell":"sh"}', 'USAGE'],
    ['a field of objects', '{"__proto__":{"target":"host"}}', 'USAGE'],
    ['a megabyte', JSON.stringify({ target: 'x'.repeat(1_000_000) }), 'USAGE'],
    ['a deep nest', '['.repeat(30_000), 'USAGE'],
  ])('of %s is refused', async (_, body, code) => {
    const answer = await service.ask({}, { body })
    expect(answer.status).toBe(400)
    expect(await codeOf(answer)).toBe(code)
  })

  test('of a megabyte whose length is not told is refused, and ends the connection', async () => {
    const head = ['POST /v1/captures HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const { status, text } = await sendRaw(
      service.port,
      request([...head, 'Transfer-Encoding: chunked'], chunk.repeat(3)),
    )
    expect(status).toBe(400)
    expect(text).toMatch(/^connection: close/im)
  })

  test('that breaks off leaves no trace', async () => {
    const socket = await connectRaw(service.port)
    const head = ['POST /v1/captures HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
    socket.write(request([...head, 'Content-Length: 100'], '{"target"'))
    await sleep(100)
    socket.destroy()
    await sleep(100)
  })
})

describe('a filter that would break out', () => {
  test.each([
    'tcp) or (udp',
    ') or not (',
    '-w /tmp/remora-test-filter',
    '-i lo',
    'tcp\u0000udp',
    '"; rm -rf /',
    '\ud800',
    '\\',
  ])('%j is refused', async filter => {
    const answer = await service.ask({ target, filter })
    expect(answer.status).toBe(400)
    expect(await codeOf(answer)).toBe('FILTER_INVALID')
    const closed = await stockCapture({ base: service.url, target: stockTarget([]), filter, via: 'query' }).closed
    expect(closed).toMatchObject({ code: 1008, reason: expect.stringMatching(/^FILTER_INVALID: /) })
  })

  test.each(['tcp\nor\nudp', '\ttcp\r\n', '(((tcp)))'])('%j is none', async filter => {
    expect((await service.ask({ target, filter })).status).toBe(201)
  })

  test('of a megabyte is refused before anything is compiled', async () => {
    const begin = performance.now()
    const answer = await service.ask({ target, filter: 'tcp or '.repeat(9_000) })
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'USAGE'])
    expect(performance.now() - begin).toBeLessThan(5_000)
    const long = 'port 1 or '.repeat(6_000)
    expect(
      await stockCapture({ base: service.url, target: stockTarget([]), filter: long, via: 'query' }).closed,
    ).toEqual(expect.objectContaining({ code: 1008, reason: expect.stringMatching(/^FILTER_INVALID: .* longer than/) }))
    const { status } = await sendRaw(
      service.port,
      request([`GET /capture?netns=1&filter=${'x'.repeat(1_000_000)} HTTP/1.1`, 'Host: localhost']),
    )
    expect(status).toBe(431)
  })
})

describe('an interface that dumpcap would take for something else', () => {
  test.each(['-', '/etc/passwd', 'TCP@1.2.3.4', 'rpcap://1.2.3.4/eth0', '1', '-w', 'b0;lo', 'b0\u0000', '../b0'])(
    '%j is refused',
    async name => {
      const answer = await service.ask({ target, interfaces: [name] })
      expect([answer.status, await codeOf(answer)]).toEqual([400, 'INTERFACE_NOT_FOUND'])
      const closed = await stockCapture({ base: service.url, target: stockTarget([name]) }).closed
      expect(closed).toMatchObject({ code: 1008, reason: expect.stringMatching(/^INTERFACE_NOT_FOUND: /) })
    },
  )
})

describe('a target that is none', () => {
  test.each<[string, number]>([
    ['file:/etc/passwd', 400],
    ['file:/dev/zero', 400],
    ['file:/dev/stdin', 400],
    ['named:../../etc/passwd', 400],
    ['pid:-1', 400],
    ['pid:99999999999', 400],
    ['netns:1', 404],
    ['netns:9999999999999999', 400],
    ['container:$(reboot)', 404],
    ['\r\nX-Injected: 1', 404],
  ])('%j is answered with %i', async (text, status) => {
    const answer = await service.ask({ target: text })
    expect(answer.status).toBe(status)
    expect([...answer.headers.keys()]).not.toContain('x-injected')
  })
})

describe('a request that is none', () => {
  test.each<[string, string, number]>([
    ['noise', '\u0016\u0003\u0001garbage\r\n\r\n', 400],
    ['a line feed in a header', 'GET /version HTTP/1.1\r\nHost: localhost\r\nX: a\nEvil: 1\r\n\r\n', 400],
    ['a carriage return in a header', 'GET /version HTTP/1.1\r\nHost: localhost\r\nX: a\rEvil: 1\r\n\r\n', 400],
    [
      'two lengths',
      request(['POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 1', 'Content-Length: 2'], 'a'),
      400,
    ],
    [
      'a length and chunks',
      request(['POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 3', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      400,
    ],
    ['no host', 'GET /version HTTP/1.1\r\n\r\n', 400],
    ['a host with a blank', 'GET /version HTTP/1.1\r\nHost: local host\r\nConnection: close\r\n\r\n', 400],
    ['a megabyte of headers', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(1_000_000)}\r\n\r\n`, 431],
  ])('%s', async (_, content, status) => {
    expect((await sendRaw(service.port, content)).status).toBe(status)
  })

  test.each<[string, string, number]>([
    ['PUT', '/v1/captures', 404],
    ['PATCH', '/', 404],
    ['OPTIONS', '/v1/captures', 404],
    ['DELETE', '/v1/captures/none', 404],
    ['POST', '/version', 404],
    ['HEAD', '/version', 200],
    ['HEAD', '/v1/targets/watch', 400],
    ['GET', '/capture', 426],
    ['GET', '/capture?netns=1&token=x', 426],
    ['GET', '/v1/capture/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 426],
    ['GET', '/v1/capture/forged.pcapng', 404],
    ['GET', '/v1/capture/..%2f..%2fetc%2fpasswd', 404],
    ['GET', '/%00', 404],
    ['GET', '/%ff%fe', 404],
  ])('%s %s is answered with %i', async (method, path, status) => {
    const answer = await service.get(path, { method })
    expect(answer.status).toBe(status)
    await answer.text()
  })

  test('a WebSocket asked for without Upgrade is told so, names no ticket, and does not use it up', async () => {
    const { path } = (await (await service.ask({ target, stop: { duration: 1 } })).json()) as { path: string }
    const answer = await service.get(path)
    expect([answer.status, answer.headers.get('upgrade')]).toEqual([426, 'websocket'])
    expect(await answer.text()).not.toContain(path)
    const odd = await service.get(`${path}/x`)
    expect([odd.status, await odd.text()]).toEqual([404, expect.not.stringContaining(path)])
    await (await service.get(`${path}.pcapng`)).arrayBuffer()
  })

  test('HEAD of a ticket neither captures nor uses it up', async () => {
    const { path } = (await (await service.ask({ target, stop: { duration: 1 } })).json()) as { path: string }
    expect((await service.get(`${path}.pcapng`, { method: 'HEAD' })).status).toBe(400)
    expect(await captures(service)).toEqual([])
    const answer = await service.get(`${path}.pcapng`)
    expect(answer.status).toBe(200)
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100)
  })

  test('requests one behind the other are answered one after the other', async () => {
    const one = (path: string, last = false) =>
      request([`GET ${path} HTTP/1.1`, 'Host: localhost', `Connection: ${last ? 'close' : 'keep-alive'}`])
    const { text } = await sendRaw(
      service.port,
      one('/version').repeat(50) + one('/nothing').repeat(50) + one('/healthz', true),
    )
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([
      ...Array(50).fill('HTTP/1.1 200'),
      ...Array(50).fill('HTTP/1.1 404'),
      'HTTP/1.1 200',
    ])
  })

  test('no stream waits behind another on the same connection, where nobody would hear its client go', async () => {
    const { path } = (await (await service.ask({ target })).json()) as { path: string }
    const watch = request(['GET /v1/targets/watch HTTP/1.1', 'Host: localhost'])
    for (let count = 0; count < 70; count++) {
      const socket = await connectRaw(service.port)
      socket.write(watch + watch)
      if (count === 0) socket.write(request([`GET ${path}.pcapng HTTP/1.1`, 'Host: localhost']))
      await sleep(5)
      socket.destroy()
    }
    await until('watchers are let in again', async () => {
      const answer = await service.get('/v1/targets/watch')
      await answer.body?.cancel()
      return answer.status === 200
    })
  })
})

describe('a handshake', () => {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  const websocket = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket']

  test.each<[string, string, number]>([
    ['of a wrong path', '/nowhere', 404],
    ['of no path at all', '//', 404],
    ['of a document', '/version', 404],
    ['of a forged ticket', '/v1/capture/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 404],
    ['of a ticket with a way out', '/v1/capture/../targets', 404],
  ])('%s is refused', async (_, path, status) => {
    const content = request([`GET ${path} HTTP/1.1`, ...websocket, key, 'Sec-WebSocket-Version: 13'])
    expect((await sendRaw(service.port, content)).status).toBe(status)
  })

  test.each<[string, string[]]>([
    ['without a key', ['Sec-WebSocket-Version: 13']],
    ['with half a key', ['Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13']],
    ['of another version', [key, 'Sec-WebSocket-Version: 99']],
  ])('%s is refused', async (_, headers) => {
    const content = request(['GET /capture?netns=1 HTTP/1.1', ...websocket, ...headers])
    expect((await sendRaw(service.port, content)).status).toBe(400)
  })

  test('an offer to compress is passed over: a few bytes cannot become gigabytes', async () => {
    const offer = [key, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Extensions: permessage-deflate']
    const content = request(['GET /capture?netns=1 HTTP/1.1', ...websocket, ...offer])
    const { status, text } = await sendRaw(service.port, content)
    expect(status).toBe(101)
    expect(text).not.toMatch(/^sec-websocket-extensions/im)
  })

  test('an offer of another protocol is passed over', async () => {
    const content = request([
      'GET /version HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade, HTTP2-Settings, close',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ])
    expect(await sendRaw(service.port, content)).toMatchObject({
      status: 200,
      text: expect.stringContaining('packetflix'),
    })
  })
})

describe('a WebSocket that carries junk', () => {
  test.each<[string, number, Buffer]>([
    ['a frame without a mask', 1002, frame(opcodes.text, Buffer.from('abc'), false)],
    ['a reserved bit', 1002, Buffer.from([0xf1, 0x80, 0, 0, 0, 0])],
    ['an unknown kind', 1002, Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ['half a control frame', 1002, Buffer.from([0x09, 0x80, 0, 0, 0, 0])],
    ['a long control frame', 1002, frame(opcodes.ping, Buffer.alloc(126), true)],
    ['a continuation of nothing', 1002, Buffer.from([0x80, 0x80, 0, 0, 0, 0])],
    ['a close code that must not be sent', 1002, frame(opcodes.close, closePayload(1006, 'x'), true)],
    ['a close reason that is no UTF-8', 1007, frame(opcodes.close, Buffer.from([3, 232, 0xff]), true)],
    ['text that is no UTF-8', 1007, frame(opcodes.text, Buffer.from([0xff, 0xfe]), true)],
    ['a message too long', 1009, frame(opcodes.text, Buffer.alloc(70_000, 97), true)],
    ['a message said to be immense', 1009, Buffer.from([0x81, 0xff, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0])],
  ])('%s ends it, with the code for that', async (_, code, junk) => {
    const socket = await openCapture()
    const closed = closeCode(socket)
    socket.write(junk)
    expect(await closed).toBe(code)
  })

  test('a flood of text is swallowed', async () => {
    const capture = stockCapture({ base: service.url, target: stockTarget([]) })
    await capture.waitForBytes(100)
    const before = service.memory()
    const flood = Buffer.concat(Array(1_000).fill(frame(opcodes.text, Buffer.alloc(1_000, 97), true)))
    for (let round = 0; round < 20; round++) {
      if (!capture.socket.write(flood)) await new Promise(resolve => capture.socket.once('drain', resolve))
    }
    expect(service.memory() - before).toBeLessThan(64)
    expect(await capture.stop()).toMatchObject({ code: 1000, reason: 'ciao', clean: true })
  })

  test('pings whose answers nobody takes do not pile up', async () => {
    const socket = await openCapture()
    socket.pause()
    const pings = Buffer.concat(Array(10_000).fill(frame(opcodes.ping, Buffer.alloc(125), true)))
    const flood = async (rounds: number): Promise<number> => {
      for (let round = 0; round < rounds; round++) {
        if (!socket.write(pings)) await new Promise(resolve => socket.once('drain', resolve))
      }
      await sleep(500)
      return service.memory()
    }
    // What the first ones take is used again for all others: V8's space for young objects, and 1 MiB of answers.
    const before = await flood(50)
    const after = await flood(150)
    socket.destroy()
    expect(after - before).toBeLessThan(20)
  })

  async function openCapture(): Promise<Socket> {
    const capture = stockCapture({ base: service.url, target: stockTarget([]), answerPings: false })
    await capture.waitForBytes(100)
    capture.socket.removeAllListeners('data')
    return capture.socket
  }

  /** The code the service closes with, whatever else comes. */
  function closeCode(socket: Socket): Promise<number | undefined> {
    const reader = frameReader(false)
    let code: number | undefined
    socket.on('data', chunk => {
      for (const { opcode, payload } of reader.push(chunk)) if (opcode === opcodes.close) code = payload.readUInt16BE()
    })
    return new Promise(resolve => socket.once('close', () => resolve(code)))
  }
})
