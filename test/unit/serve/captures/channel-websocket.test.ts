/** The end of a capture over a WebSocket, frame by frame: a stock client is answered at once, a remora gets the rest first. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, writeSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { CaptureReport } from '../../../../src/capture/request/report.ts'
import { makePipes } from '../../../../src/linux/files/fifo.ts'
import { readPipe } from '../../../../src/linux/files/pipe-reader.ts'
import type { Channel } from '../../../../src/serve/captures/channel.ts'
import { CaptureSocket, websocketChannel } from '../../../../src/serve/captures/channel-websocket.ts'
import { until } from '../../../helpers/command.ts'
import { type Capture, stockCapture } from '../../../helpers/stock-client.ts'

const report: CaptureReport = {
  ...{ reference: 'pid:1', end: 'stopped', complete: true, interfaces: [], packets: 1, dropped: 0, seconds: 1 },
}

let server: Server | undefined
afterEach(() => server?.close())

interface Carried {
  readonly client: Capture
  readonly channel: Channel
  /** Captures something. */
  capture(text: string): void
  /** Captures 32 MiB; settles when they have been taken. */
  captureMuch(): Promise<unknown>
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
  const connected = Promise.withResolvers<[CaptureSocket, Duplex]>()
  server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, websocket => connected.resolve([websocket as CaptureSocket, socket])),
  )
  const client = stockCapture({ base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  let asked = 0
  let sent = 0
  const [socket, connection] = await connected.promise
  const channel = websocketChannel(socket, {
    connection,
    onAsked: () => asked++,
    isAlive: async () => true,
    stock,
  })
  const [pipe = { reader: -1, writer: -1 }] = await makePipes(1)
  const packets = readPipe(pipe.reader)
  const over = Promise.withResolvers<void>()
  const taken = channel.take({ packets, over: over.promise, kill: new AbortController().signal }, bytes => {
    sent += bytes
  })
  return {
    ...{ client, channel, asked: () => asked, sent: () => sent },
    capture: text => void writeSync(pipe.writer, text),
    captureMuch: () =>
      once(spawn('head', ['-c', '32M', '/dev/zero'], { stdio: ['ignore', pipe.writer, 'ignore'] }), 'exit'),
    finish() {
      over.resolve()
      closeSync(pipe.writer)
      return taken
    },
  }
}

describe('a client that closes while packets flow', () => {
  test('by the original protocol gets the answer at once, and no packet after its close frame', async () => {
    const { client, capture, asked, finish, channel, sent } = await carried(true)
    capture('before')
    await client.waitForBytes(6)
    const closed = client.stop()
    await until('the close frame has come', () => asked() === 1)
    capture('after')
    // The capture itself is not over, and will not be before the client has its answer.
    expect(await closed).toEqual({ code: 1000, reason: 'ciao', clean: true, protocolError: undefined })
    capture('its statistics')
    expect(await finish()).toBe(true)
    await channel.end(report, 'ciao')
    expect(client.bytes().toString()).toBe('before')
    expect(sent()).toBe(6)
  })

  test('by the original protocol keeps nothing from ending, even when it does not read', async () => {
    const { client, captureMuch, asked, finish } = await carried(true)
    await client.status
    client.socket.pause()
    // More than the kernel takes.
    const flood = captureMuch()
    client.socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]))
    await until('the close frame has come', () => asked() === 1)
    await flood
    expect(await finish()).toBe(true)
    client.destroy()
  })

  test('by the protocol of remora gets the last packets and the report before the answer', async () => {
    const { client, capture, asked, finish, channel } = await carried(false)
    capture('before')
    await client.waitForBytes(6)
    const closed = client.stop()
    await until('the close frame has come', () => asked() === 1)
    capture(', after')
    expect(await finish()).toBe(true)
    await channel.end(report, 'ciao')
    // The stock client takes no text, which is what the report is.
    expect((await closed).protocolError).toBe('a text frame')
    expect(client.bytes().toString()).toBe('before, after')
  })
})
