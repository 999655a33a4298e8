/** The end of a capture over a WebSocket, frame by frame: a stock client is answered at once, a remora gets the rest first. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { CaptureReport } from '../../../src/capture/report.ts'
import type { Channel } from '../../../src/serve/channel.ts'
import { CaptureSocket, websocketChannel } from '../../../src/serve/channel-websocket.ts'
import { until } from '../../helpers/command.ts'
import { type Capture, stockCapture } from '../../helpers/stock-client.ts'

const report: CaptureReport = {
  ...{ reference: 'pid:1', end: 'stopped', complete: true, interfaces: [], packets: 1, dropped: 0, seconds: 1 },
}

let server: Server | undefined
afterEach(() => server?.close())

interface Carried {
  readonly client: Capture
  readonly channel: Channel
  readonly packets: PassThrough
  /** How often the client has asked for the end. */
  asked(): number
  /** Ends the capture, as dumpcap's end does; true when the client took all of it. */
  finish(): Promise<boolean>
  sent(): number
}

async function carried(stock: boolean): Promise<Carried> {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, WebSocket: CaptureSocket })
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connected = Promise.withResolvers<CaptureSocket>()
  server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, websocket => connected.resolve(websocket as CaptureSocket)),
  )
  const client = stockCapture({ base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  let asked = 0
  let sent = 0
  const channel = websocketChannel(await connected.promise, {
    onAsked: () => asked++,
    isAlive: async () => true,
    stock,
  })
  const packets = new PassThrough()
  const over = Promise.withResolvers<void>()
  const taken = channel.take({ packets, over: over.promise, kill: new AbortController().signal }, bytes => {
    sent += bytes
  })
  return {
    ...{ client, channel, packets, asked: () => asked, sent: () => sent },
    finish() {
      over.resolve()
      packets.end()
      return taken
    },
  }
}

describe('a client that closes while packets flow', () => {
  test('by the original protocol gets the answer at once, and no packet after its close frame', async () => {
    const { client, packets, asked, finish, channel, sent } = await carried(true)
    packets.write('before')
    await client.waitForBytes(6)
    const closed = client.stop()
    await until('the close frame has come', () => asked() === 1)
    packets.write('after')
    // The capture itself is not over, and will not be before the client has its answer.
    expect(await closed).toEqual({ code: 1000, reason: 'ciao', clean: true, protocolError: undefined })
    packets.write('its statistics')
    expect(await finish()).toBe(true)
    await channel.end(report, 'ciao')
    expect(client.bytes().toString()).toBe('before')
    expect(sent()).toBe(6)
  })

  test('by the original protocol keeps nothing from ending, even when it does not read', async () => {
    const { client, packets, asked, finish } = await carried(true)
    await client.status
    client.socket.pause()
    for (let index = 0; index < 64; index++) packets.write(Buffer.alloc(256 * 1024))
    client.socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]))
    await until('the close frame has come', () => asked() === 1)
    const finished = finish()
    expect(await finished).toBe(true)
    client.destroy()
  })

  test('by the protocol of remora gets the last packets and the report before the answer', async () => {
    const { client, packets, asked, finish, channel } = await carried(false)
    packets.write('before')
    await client.waitForBytes(6)
    const closed = client.stop()
    await until('the close frame has come', () => asked() === 1)
    packets.write(', after')
    expect(await finish()).toBe(true)
    await channel.end(report, 'ciao')
    // The stock client takes no text, which is what the report is.
    expect((await closed).protocolError).toBe('a text frame')
    expect(client.bytes().toString()).toBe('before, after')
  })
})
