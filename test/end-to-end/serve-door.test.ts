/** Clients that want more than their share, or none at all: the others are served, and the log tells of those turned away. */
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'
import { connectRaw, type ServiceUnderTest, sendRaw, serve } from '../helpers/service.ts'

const folder = scratch()

/** The lines of the log that say who was turned away. */
function turnedAway(service: ServiceUnderTest): Record<string, unknown>[] {
  return service.log().filter(({ msg }) => msg === 'turned away')
}

describe('five thousand requests for captures on one connection', () => {
  let pair: NetnsPair
  let service: ServiceUnderTest
  let flood: string
  beforeAll(async () => {
    pair = await makeNetnsPair()
    service = await serve()
    const body = JSON.stringify({ target: `named:${pair.receiver}` })
    const head = ['POST /v1/captures HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
    flood = `${[...head, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`.repeat(5_000)
  })
  afterAll(async () => {
    await service?.close()
    await pair?.close()
  })

  const ask = () => service.ask({ target: `named:${pair.receiver}` })

  test('keep no other client waiting', async () => {
    const socket = await connectRaw(service.port)
    let answers = 0
    socket.on('data', chunk => {
      answers += chunk.toString('latin1').match(/HTTP\/1\.1 \d+/g)?.length ?? 0
    })
    socket.write(flood)
    await until('the flood is being answered', () => answers > 0)
    const before = answers
    expect((await ask()).status).toBe(201)
    // It is the other's turn after one of the flood; the rest is answers that were on their way.
    expect(answers - before).toBeLessThan(100)
    await until('it is told', () => turnedAway(service).length > 0)
    expect(turnedAway(service)).toMatchObject([{ peer: 'loopback', reason: 'LIMIT' }])
    socket.destroy()
  })

  test('that hangs up are given up', async () => {
    const socket = await connectRaw(service.port)
    socket.write(flood)
    await new Promise(resolve => socket.once('data', resolve))
    socket.destroy()
    const began = performance.now()
    expect((await ask()).status).toBe(201)
    // Some 70 ms each: all of them would take minutes.
    expect(performance.now() - began).toBeLessThan(10_000)
    const metrics = await (await service.get('/metrics')).text()
    expect(Number(/^remora_tickets_waiting (\d+)/m.exec(metrics)?.[1])).toBeLessThan(250)
  })
})

test('one client cannot take all places of those who watch', async () => {
  const socketPath = join(folder, 'socket')
  const service = await serve(['--listen', `unix:${socketPath}`])
  const gone = new AbortController()
  const watch = async () => (await service.get('/v1/targets/watch', { signal: gone.signal })).status
  try {
    for (let count = 0; count < 32; count++) expect(await watch()).toBe(200)
    expect(await watch()).toBe(429)
    const other = new Promise<number | undefined>((resolve, reject) =>
      get({ socketPath, path: '/v1/targets/watch', agent: false }, answer => {
        resolve(answer.statusCode)
        answer.destroy()
      }).once('error', reject),
    )
    expect(await other).toBe(200)
    gone.abort()
    await until('their places are free', async () => {
      const again = new AbortController()
      const { status } = await service.get('/v1/targets/watch', { signal: again.signal })
      again.abort()
      return status === 200
    })
  } finally {
    gone.abort()
    await service.close()
  }
})

describe('with 200 descriptors', () => {
  let service: ServiceUnderTest
  let authorization: string
  const idle: Socket[] = []
  beforeAll(async () => {
    const token = join(folder, 'token')
    service = await serve(['--token-file', token], { prefix: ['prlimit', '--nofile=200:200'] })
    authorization = `Bearer ${readFileSync(token, 'utf8').trim()}`
  })
  afterAll(async () => {
    for (const socket of idle) socket.destroy()
    await service?.close()
  })

  const statusOf = async (headers: Record<string, string> = {}) =>
    (await service.get('/v1/captures', { headers })).status

  test('connections on which nobody was let in have 25 places, and the eldest goes for the next', async () => {
    for (let count = 0; count < 300; count++) idle.push((await connectRaw(service.port)).resume())
    await until('the eldest are ended', () => idle.filter(({ closed }) => closed).length >= 275)
    expect(idle.slice(-20).every(({ closed }) => !closed)).toBe(true)
    expect(await statusOf({ authorization })).toBe(200)
    expect(await statusOf()).toBe(401)
    expect(service.descriptors()).toBeLessThan(100)
    await until('both are told', () => turnedAway(service).length > 1)
    expect(turnedAway(service)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ peer: 'loopback', reason: expect.stringContaining('too many connections') }),
        expect.objectContaining({ peer: 'loopback', reason: 'UNAUTHORIZED' }),
      ]),
    )
  })

  test('what everybody may ask does not make a connection known', async () => {
    const asker = await connectRaw(service.port)
    asker.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await new Promise(resolve => asker.once('data', resolve))
    for (let count = 0; count < 30; count++) idle.push((await connectRaw(service.port)).resume())
    await until('it is ended', () => asker.closed)
  })

  test('one that was let in stays, and those that say nothing are ended in ten seconds', async () => {
    const known = await connectRaw(service.port)
    known.write(`GET /v1/captures HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n\r\n`)
    await new Promise(resolve => known.once('data', resolve))
    for (let count = 0; count < 30; count++) idle.push((await connectRaw(service.port)).resume())
    await until('the eldest are ended', () => idle.at(-30)?.closed === true)
    expect(known.closed).toBe(false)
    await until('all others are', () => idle.every(({ closed }) => closed), 20_000)
    known.destroy()
  })
})

describe('a request that two could read differently', () => {
  let service: ServiceUnderTest
  beforeAll(async () => {
    service = await serve()
  })
  afterAll(() => service?.close())

  test.each<[string, string[], number]>([
    ['two hosts', ['Host: localhost', 'Host: evil.example'], 400],
    ['two hosts, the other way round', ['Host: evil.example', 'Host: localhost'], 400],
    ['a host that only looks like an address', ['Host: 127.999.1.1'], 403],
    ['one for another site', ['Host: localhost', 'Sec-Fetch-Site: cross-site'], 403],
    ['one of the own page', ['Host: localhost', 'Sec-Fetch-Site: same-origin'], 200],
  ])('%s', async (_, headers, status) => {
    const lines = ['GET /v1/captures HTTP/1.1', ...headers, 'Connection: close']
    expect((await sendRaw(service.port, `${lines.join('\r\n')}\r\n\r\n`)).status).toBe(status)
    const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const shake = ['GET /capture HTTP/1.1', ...headers, ...handshake, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
    if (status !== 200) expect((await sendRaw(service.port, `${shake.join('\r\n')}\r\n\r\n`)).status).toBe(status)
  })
})

test('TLS 1.2 without forward secrecy is refused', async () => {
  const [cert, key] = [join(folder, 'rsa.pem'), join(folder, 'rsa.key')]
  const names = ['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert]
  await must('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...names)
  const service = await serve(['--tls-cert', cert, '--tls-key', key])
  const shake = (ciphers: string) => {
    const old = { maxVersion: 'TLSv1.2', ciphers } as const
    const socket = connectTls({ port: service.port, host: '127.0.0.1', rejectUnauthorized: false, ...old })
    return new Promise<string>((resolve, reject) =>
      socket.once('secureConnect', () => resolve(socket.getCipher().name)).once('error', reject),
    ).finally(() => socket.destroy())
  }
  try {
    for (const ciphers of ['AES128-GCM-SHA256', 'AES256-SHA', 'ECDHE-RSA-AES128-SHA'])
      await expect(shake(ciphers), ciphers).rejects.toThrow(/handshake|alert|ECONNRESET/i)
    expect(await shake('AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256')).toBe('ECDHE-RSA-AES128-GCM-SHA256')
  } finally {
    await service.close()
  }
})
