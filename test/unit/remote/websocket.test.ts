import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { dial } from '../../../src/remote/websocket.ts'
import { type StockServer, type StockServerOptions, startStockServer } from '../../helpers/stock-server.ts'

const servers: (StockServer | { close(): Promise<unknown> })[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function capture(options: StockServerOptions, take: (chunk: Buffer) => Promise<void> = async () => {}) {
  const server = await startStockServer({ content: Buffer.from('packets'), ...options })
  servers.push(server)
  const taker = { take, note: () => {} }
  const { signal } = new AbortController()
  return dial({ base: server.url, direct: true }, '/capture?netns=1', { taker, signal, interval: 200 })
}

test('a service that answers no ping counts as gone', async () => {
  const { ended } = await capture({ end: 'hang' })
  expect(await ended).toMatchObject({ code: undefined, failure: { code: 'PEER_FAILED' } })
})

test('a service without packets that answers does not', async () => {
  const stream = await capture({ end: 'quiet' })
  await new Promise(resolve => setTimeout(resolve, 1_000))
  stream.close()
  expect(await stream.ended).toEqual({ code: 1000, reason: 'ciao' })
})

test('what is sent together with the handshake is not lost, and its end neither', async () => {
  for (const end of [
    { close: 1006, reason: 'gone' },
    { close: 1000, reason: 'well' },
  ] as const) {
    let text = ''
    const { ended } = await capture({ together: true, end, chunk: 3 }, async chunk => {
      text += chunk
    })
    expect(await ended).toEqual({ code: end.close, reason: end.reason })
    expect(text).toBe('packets')
  }
})

test('what nobody takes is not read, so it costs no memory', async () => {
  const more = Promise.withResolvers<void>()
  let sent = 0
  function* content() {
    for (; sent < 200; sent++) yield Buffer.alloc(1 << 20)
  }
  const { ended, destroy } = await capture({ content: content(), chunk: 1 << 20 }, () => more.promise)
  await new Promise(resolve => setTimeout(resolve, 1_000))
  // What the kernel keeps on both sides, and a little here.
  expect(sent).toBeLessThan(50)
  destroy()
  more.resolve()
  expect(await ended).toMatchObject({ code: undefined })
})

test('a handshake that is refused says why', async () => {
  await expect(capture({ requireToken: 'x' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
})

/** A reverse proxy as nginx is without further words: it keeps Upgrade and Connection to itself. */
async function frontOf(answers: Pick<StockServer, 'url'> | number): Promise<string> {
  const server: Server = createServer((incoming, outgoing) => {
    if (typeof answers === 'number') return outgoing.writeHead(answers).end('<html>')
    const { upgrade: _, connection: __, ...headers } = incoming.headers
    request(`${answers.url}${incoming.url}`, { headers, agent: false }, answer => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(outgoing)
    }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  servers.push({ close: () => new Promise(resolve => server.close(resolve)) })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function original(): Promise<StockServer> {
  const server = await startStockServer()
  servers.push(server)
  return server
}

const ticket = '/v1/capture/gRc9MXU1E1axVCoXzYp9FOV0DQE3FCVl'

test.each<[string, string, () => Promise<Pick<StockServer, 'url'> | number>]>([
  ['the original behind it', '/capture?netns=1', original],
  ['a remora behind it', ticket, async () => 426],
  ['a page for everything', ticket, async () => 200],
])('a proxy that does not pass Upgrade on is named as the cause: %s', async (_, path, behind) => {
  const base = await frontOf(await behind())
  const taker = { take: async () => {}, note: () => {} }
  const { signal } = new AbortController()
  const failure = await dial({ base, direct: true }, path, { taker, signal }).catch(error => error)
  expect(failure).toMatchObject({
    code: 'PEER_FAILED',
    message: expect.stringMatching(/WebSocket.*proxy.*Upgrade/),
    hint: expect.stringContaining('proxy_set_header Upgrade'),
  })
  expect(failure.message + failure.hint).not.toContain(path)
})
