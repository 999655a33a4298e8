import { afterEach, expect, test } from 'vitest'
import { dial } from '../../../src/remote/websocket.ts'
import { type StockServer, type StockServerOptions, startStockServer } from '../../helpers/stock-server.ts'

const servers: StockServer[] = []
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
