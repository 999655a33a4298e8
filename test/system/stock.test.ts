/** The stock client and the stock server against each other: each fault of the server is one the client sees. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { description, packet, statistics } from '../helpers/blocks.ts'
import { must, sleep } from '../helpers/command.ts'
import { startConnectProxy } from '../helpers/connect-proxy.ts'
import { scratch } from '../helpers/scratch.ts'
import { type CaptureOptions, stockCapture, stockGet } from '../helpers/stock-client.ts'
import { type StockServerOptions, startStockServer } from '../helpers/stock-server.ts'
import { frame, opcodes } from '../helpers/websocket.ts'

const target = { name: 'größe', type: 'docker', netns: 4026531840, 'network-interfaces': ['eth0'], prefix: '' }
const content = Buffer.concat([
  description(9),
  ...Array.from({ length: 50 }, () => packet(0, 5n, 'abc')),
  statistics(0),
])

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function serve(options: StockServerOptions = {}) {
  const server = await startStockServer({ content, ...options })
  endings.push(server.close)
  return server
}

function capture(base: CaptureOptions['base'], options: Partial<CaptureOptions> = {}) {
  const client = stockCapture({ base, target, ...options })
  endings.push(client.destroy)
  return client
}

describe('a stock capture', () => {
  test('arrives whole, whatever the borders of its frames', async () => {
    const server = await serve({ chunk: [1, 7, 300], emptyFrames: true })
    const client = capture(server.url)
    expect(await client.closed).toMatchObject({ code: 1000, reason: 'capture process terminated', clean: true })
    expect(client.bytes().equals(content)).toBe(true)
    const lengths = client.frames().map(({ length }) => length)
    expect(lengths.slice(0, 6)).toEqual([0, 1, 0, 7, 0, 300])
    expect(server.connections[0]?.close).toEqual({ code: 1000, reason: '' })
  })

  test('may be larger than any buffer', async () => {
    const large = Buffer.alloc(20_000_000, 'remora')
    const client = capture((await serve({ content: large, chunk: [70_000, 5_000_000] })).url)
    await client.closed
    expect(client.bytes().equals(large)).toBe(true)
  })

  test('is asked for in the query, in headers, or in both', async () => {
    const server = await serve()
    const options = { nifs: ['eth0', 'eth1'], filter: 'tcp port 80', chaste: true }
    for (const via of ['both', 'query', 'headers'] as const) await capture(server.url, { ...options, via }).closed
    const seen = server.requests.map(({ query, headers }) => [Object.fromEntries(query), headers])
    const json = JSON.stringify(target)
    const inQuery = { container: json, nif: 'eth0/eth1', filter: 'tcp port 80', chaste: '' }
    const inHeaders = {
      'clustershark-container': json,
      'clustershark-nif': 'eth0/eth1',
      'clustershark-filter': 'tcp port 80',
      'clustershark-chaste': '',
    }
    expect(seen[0]).toMatchObject([inQuery, inHeaders])
    expect(seen[1]?.[0]).toEqual(inQuery)
    expect(seen[1]?.[1]).not.toHaveProperty('clustershark-nif')
    expect(seen[2]).toMatchObject([{}, inHeaders])
  })

  test('is stopped by the client, and then says no more than ciao', async () => {
    const server = await serve({ end: 'quiet' })
    const client = capture(server.url)
    await client.waitForBytes(content.length)
    expect(await client.stop()).toEqual({ code: 1000, reason: 'ciao', clean: true, protocolError: undefined })
    expect(server.connections[0]?.close).toEqual({ code: 1000, reason: 'ciao' })
  })

  test('is stopped although its source never ends', async () => {
    async function* endless() {
      yield content
      await new Promise(() => {})
    }
    const client = capture((await serve({ content: () => endless() })).url)
    await client.waitForBytes(content.length)
    expect(await client.stop()).toMatchObject({ code: 1000, clean: true })
  })

  test('fills the line when the client never reads, until it does', async () => {
    const server = await serve({ content: Buffer.alloc(30_000_000) })
    const client = capture(server.url, { read: false })
    expect((await client.status).status).toBe(101)
    await sleep(200)
    expect(client.bytes().length).toBe(0)
    client.socket.resume()
    expect((await client.waitForBytes(30_000_000)).length).toBe(30_000_000)
  })
})

describe('a fault of the server is seen by the client:', () => {
  test('the close code 1006, and its reason lost', async () => {
    const client = capture((await serve({ end: { close: 1006, reason: 'no such device' } })).url)
    expect(await client.closed).toEqual({
      code: undefined,
      reason: '',
      clean: false,
      protocolError: 'bad close code 1006',
    })
    expect(client.bytes().equals(content)).toBe(true)
  })

  test('a wrong parameter, told only after the upgrade', async () => {
    const server = await serve()
    const wrong: Partial<CaptureOptions>[] = [{ target: undefined }, { netns: 1 }, { target: '{' }]
    for (const options of [...wrong, { target: undefined, netns: 'x' }]) {
      const client = capture(server.url, options)
      expect((await client.status).status).toBe(101)
      expect(await client.closed).toMatchObject({ protocolError: 'bad close code 1006' })
    }
    const lucky = capture(server.url, { target: undefined, netns: 4026531840 })
    expect(await lucky.closed).toMatchObject({ code: 1000 })
  })

  test('a connection dropped, ended, or given up for a reason that is too long', async () => {
    for (const end of ['drop', 'fin', { close: 1000, reason: 'x'.repeat(124) }] as const) {
      const client = capture((await serve({ end })).url)
      expect(await client.closed).toMatchObject({ code: undefined, clean: false, protocolError: undefined })
      expect(client.socket.errored !== null, 'a reset is an error, an end is none').toBe(end === 'drop')
      expect(client.bytes().equals(content)).toBe(true)
    }
  })

  test('a connection that hangs', async () => {
    const server = await serve({ end: 'hang' })
    const client = capture(server.url)
    await client.waitForBytes(content.length)
    client.sendPing('are you there')
    expect(await Promise.race([client.stop(), sleep(500)])).toBeUndefined()
    expect(client.frames().some(({ opcode }) => opcode === opcodes.pong)).toBe(false)
    expect(server.connections[0]?.close).toEqual({ code: 1000, reason: 'ciao' })
    client.destroy()
    await server.connections[0]?.closed
  })

  test('text frames', async () => {
    const client = capture((await serve({ textFrames: true })).url)
    expect(await client.closed).toMatchObject({ code: undefined, protocolError: 'a text frame' })
  })

  test('no pong, where there should be one', async () => {
    for (const answerPings of [true, false]) {
      const client = capture((await serve({ end: 'quiet', answerPings })).url)
      await client.waitForBytes(content.length)
      client.sendPing('hello')
      await client.stop()
      expect(client.frames().some(({ opcode }) => opcode === opcodes.pong)).toBe(answerPings)
    }
  })

  test('a web page for whatever path it does not know', async () => {
    const { url } = await serve({ prefix: '/proxy', document: { containers: [target] } })
    expect(await stockGet(url, '/version')).toMatchObject({ text: '{"name":"packetflix","version":"0.9.6"}' })
    expect(JSON.parse((await stockGet(url, '/mobyshark')).text)).toEqual({ containers: [target] })
    expect(await stockGet(url, '/discover/mobyshark')).toMatchObject({ status: 200 })
    const page = await stockGet(url, '/v1/containers')
    expect(page.status).toBe(200)
    expect(page.headers['content-type']).toMatch('text/html')
    expect(await stockGet(url, '/capture')).toMatchObject({ status: 400, headers: { 'sec-websocket-version': '13' } })
    expect(await stockGet(url.replace('/proxy', ''), '/version')).toMatchObject({ status: 404 })
  })
})

describe('the handshake', () => {
  test('is refused without the token', async () => {
    const { url } = await serve({ requireToken: 'secret' })
    const without = capture(url)
    expect(await without.status).toMatchObject({ status: 401, text: 'Unauthorized\n' })
    expect(await without.closed).toMatchObject({ code: undefined, clean: false, protocolError: undefined })
    expect(() => without.socket).toThrow('there is no connection')
    const query = capture(url, { query: { token: 'secret' } })
    const header = capture(url, { headers: { Authorization: 'Bearer secret' } })
    for (const client of [query, header]) expect((await client.status).status).toBe(101)
    expect((await stockGet(url, '/version', { Authorization: 'Bearer wrong' })).status).toBe(401)
  })

  test('is refused to the page of another host', async () => {
    const { url } = await serve()
    expect((await capture(url, { headers: { Origin: 'http://elsewhere' } }).status).status).toBe(403)
    expect((await capture(url, { headers: { Origin: url } }).status).status).toBe(101)
  })

  test('works over TLS and IPv6, and a drop drops it', async () => {
    const folder = scratch()
    const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')]
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost']
    await must('openssl', 'req', ...kind, ...files)
    const tls = { key: readFileSync(join(folder, 'key'), 'utf8'), cert: readFileSync(join(folder, 'cert'), 'utf8') }
    const { url } = await serve({ tls, host: '::1', end: 'drop' })
    expect(url).toMatch(/^https:\/\/\[::1\]:/)
    await expect(capture(url).status).rejects.toThrow('self-signed')
    const client = capture(url, { insecure: true })
    expect(await client.closed).toMatchObject({ clean: false, code: undefined })
    expect(client.socket.errored?.message).toBe('read ECONNRESET')
    expect(client.bytes().equals(content)).toBe(true)
  })
})

test('a proxy connects, records where to, and may want to know by whom', async () => {
  const server = await serve()
  const { host } = new URL(server.url)
  const proxy = await startConnectProxy({ user: 'me', password: 'secret' })
  endings.push(proxy.close)
  const { hostname, port } = new URL(proxy.url)
  const ask = async (headers: Record<string, string>) => {
    const asking = request({ hostname, port, method: 'CONNECT', path: host, headers, agent: false }).end()
    const [response, socket] = await once(asking, 'connect')
    endings.push(() => socket.destroy())
    return { status: response.statusCode, socket }
  }
  expect((await ask({})).status).toBe(407)
  const { status, socket } = await ask({ 'Proxy-Authorization': `Basic ${btoa('me:secret')}` })
  expect(status).toBe(200)
  socket.write(`GET /version HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  expect(String((await once(socket, 'data'))[0])).toMatch('200 OK')
  expect([proxy.hosts, proxy.refused]).toEqual([[host], [host]])
})

test('a client that does not mask is told, and recorded', async () => {
  const server = await serve({ end: 'quiet' })
  const client = capture(server.url)
  await client.waitForBytes(content.length)
  client.socket.write(frame(opcodes.text, Buffer.from('bare'), false))
  expect(await client.closed).toMatchObject({ code: 1002, reason: 'a frame without mask' })
  expect(server.connections[0]?.protocolError).toBe('a frame without mask')
})

test('a closed server leaves no connection behind', async () => {
  const server = await serve({ end: 'hang' })
  const client = capture(server.url)
  await client.waitForBytes(content.length)
  await server.close()
  expect(await client.closed).toMatchObject({ clean: false })
  const again = connect(Number(new URL(server.url).port), '127.0.0.1')
  await expect(once(again, 'connect')).rejects.toThrow('ECONNREFUSED')
})
