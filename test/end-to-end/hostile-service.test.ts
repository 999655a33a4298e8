/** A service that means harm to its clients: what it says, where it sends them, and what it makes of their captures. */

import { readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { acceptFor } from '../helpers/websocket.ts'

const token = 'a-token-of-good-length'
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

interface Service {
  readonly url: string
  /** Paths of all requests, and handshakes. */
  readonly asked: readonly string[]
}

/** Answers what is asked, and handshakes, as a test says. */
async function service(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  shake: (request: IncomingMessage, socket: Socket) => void = (_, socket) => socket.destroy(),
): Promise<Service> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(request, response)
  })
  server.on('upgrade', (request, socket: Socket) => {
    asked.push(request.url ?? '')
    socket.on('error', () => {})
    shake(request, socket)
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const evil = '\x1b]0;evil\x07\u009b2J'

test('the words of a failure cannot steer the terminal', async () => {
  const error = { code: 'LIMIT', message: `no ${evil}`, hint: `none ${evil}` }
  const { url } = await service((_, response) => response.writeHead(429).end(JSON.stringify({ error })))
  const { status, stderr } = await remora(['list', '--host', url])
  expect([status, stderr]).toEqual([9, expect.stringMatching(/^remora: LIMIT: no .*evil.*\nhint: none .*evil/)])
  expect(stderr).not.toMatch(/[^\P{Cc}\n]/u)
})

test.each(['table', '--json', '--watch'])('the names it lists cannot either: %s', async format => {
  const listed = { name: evil, type: 'docker', reference: `docker:${evil}`, 'network-interfaces': [evil], image: evil }
  const { url } = await service((request, response) => {
    if (request.url !== '/v1/targets/watch')
      return response.end(JSON.stringify({ targets: [listed], warnings: [evil] }))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(
      `data: ${JSON.stringify({ event: 'appear', target: listed })}\n\ndata: {"warning":${JSON.stringify(evil)}}\n\n`,
    )
  })
  const { stdout, stderr } = await remora(['list', '--host', url, ...(format === 'table' ? [] : [format])])
  expect(stdout).toContain('evil')
  expect(stderr).toContain('evil')
  expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u)
})

test('nobody follows it elsewhere, and the token goes to nobody else', async () => {
  const other = await service((_, response) => response.end('{}'))
  const location = `${other.url}/v1/targets`
  const { url, asked } = await service(
    ({ method }, response) => {
      if (method === 'POST') response.writeHead(201).end(JSON.stringify({ path: '/v1/capture/x', reference: 'web' }))
      else response.writeHead(302, { location }).end()
    },
    (_, socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
  )
  const env = { REMORA_TOKEN: token }
  expect(await remora(['list', '--host', url], { env })).toMatchObject({ status: 8 })
  expect(await remora(['capture', 'web', '--host', url, '-w', '-'], { env })).toMatchObject({ status: 8 })
  for (const path of ['/v1/targets', '/v1/captures', '/v1/capture/x']) expect(asked).toContain(path)
  expect(other.asked).toEqual([])
})

test('compression that nobody offered is refused, and no file is left', async () => {
  const folder = scratch()
  const { url } = await service(
    (_, response) => response.writeHead(201).end(JSON.stringify({ path: '/v1/capture/x', reference: 'web' })),
    (request, socket) => {
      expect(request.headers['sec-websocket-extensions']).toBeUndefined()
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
      const key = `Sec-WebSocket-Accept: ${acceptFor(request.headers['sec-websocket-key'] ?? '')}`
      socket.write(`${[...lines, key, 'Sec-WebSocket-Extensions: permessage-deflate'].join('\r\n')}\r\n\r\n`)
    },
  )
  const running = startRemora(['capture', 'web', '--host', url, '-w', join(folder, 'a.pcapng')])
  expect(await running.result).toMatchObject({ status: 8, stderr: expect.stringContaining('PEER_FAILED') })
  expect(readdirSync(folder)).toEqual([])
})
