/** What a service answers when asked for its targets is nobody's to trust. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { requestOf } from '../../../../src/capture/request/request.ts'
import { listTargets, watchTargets } from '../../../../src/host/service/list.ts'
import { prepare } from '../../../../src/host/service/prepare.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function answering(listener: RequestListener): Promise<{ base: string; direct: true }> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, direct: true }
}

const { signal } = new AbortController()
const saying = (body: string, type = 'application/json') =>
  answering((_, response) => response.writeHead(200, { 'content-type': type }).end(body))
const target = { reference: 'docker:web', name: 'web', type: 'docker', netns: 7, 'network-interfaces': ['lo'] }

describe('a list', () => {
  test('with less than is known, and more, is read', async () => {
    const targets = [
      { ...target, novelty: [1], pid: null },
      { reference: 'x:y', type: 'hologram' },
    ]
    const service = await saying(JSON.stringify({ targets, warnings: ['podman does not answer'], more: 1 }))
    expect(await listTargets(service, signal)).toMatchObject({
      targets: [
        { reference: 'docker:web', name: 'web', netns: 7, pid: 0, startTime: 0, interfaces: ['lo'], addresses: [] },
        { reference: 'x:y', name: '', interfaces: [] },
      ],
      warnings: ['podman does not answer'],
    })
  })

  test.each([
    ['garbage', '{"targets":'],
    ['another document', '{}'],
    ['a wrong type', JSON.stringify({ targets: [{ ...target, netns: 'seven' }], warnings: [] })],
    ['a wrong list', JSON.stringify({ targets: [{ ...target, 'network-interfaces': 'lo' }], warnings: [] })],
    ['a name without end', JSON.stringify({ targets: [{ ...target, name: 'n'.repeat(1e6) }], warnings: [] })],
    ['a page', '<html>'],
    ['nothing', ''],
  ])('of %s is a failure of the service', async (_, body) => {
    await expect(listTargets(await saying(body), signal)).rejects.toMatchObject({ code: 'PEER_FAILED' })
  })

  test('without end is not kept', { timeout: 30_000 }, async () => {
    const service = await answering((_, response) => {
      const piece = Buffer.alloc(1 << 20, ' ')
      const go = () => {
        while (response.write(piece));
      }
      response.on('drain', go)
      go()
    })
    await expect(listTargets(service, signal)).rejects.toMatchObject({
      code: 'PEER_FAILED',
      message: expect.stringMatching(/too large/),
    })
  })

  test('that does not come in time is told as such', async () => {
    const service = await answering(() => {})
    await expect(listTargets(service, AbortSignal.timeout(200))).rejects.toMatchObject({
      code: 'PEER_FAILED',
      message: expect.stringMatching(/did not answer in time/),
    })
  })
})

describe('a watch', () => {
  async function watched(body: string, type = 'text/event-stream'): Promise<{ told: unknown[]; error: unknown }> {
    const told: unknown[] = []
    const onEvent = (event: unknown) => told.push(event)
    const onWarning = (warning: string) => told.push(warning)
    const error = await watchTargets(await saying(body, type), { signal, onEvent, onWarning }).catch(
      (thrown: unknown) => thrown,
    )
    return { told, error }
  }

  test('tells events and warnings, and passes over the rest', async () => {
    const event = `event: appear\nid: 1\ndata: ${JSON.stringify({ event: 'appear', target })}`
    const noise = ['data: {', 'data: null', 'data: 7', ':', 'event: ready\ndata: {}', 'data: {"event":"appear"}']
    const warning = 'event: warning\r\ndata: {"warning":\r\ndata: "podman does not answer"}\r\n'
    const { told, error } = await watched([...noise, event, warning].map(message => `${message}\n\n`).join(''))
    expect(told).toMatchObject([{ event: 'appear', target: { name: 'web' } }, 'podman does not answer'])
    expect(error).toMatchObject({ code: 'PEER_FAILED', message: expect.stringMatching(/tells no more/) })
  })

  test('ends with an event that does not end', async () => {
    const { told, error } = await watched(`data: ${'x'.repeat(4 << 20)}`)
    expect(told).toEqual([])
    expect(error).toMatchObject({ code: 'PEER_FAILED', message: expect.stringMatching(/buffer/i) })
  })

  test('of a page is refused', async () => {
    expect(await watched('<html>', 'text/html')).toMatchObject({ told: [], error: { code: 'USAGE' } })
  })
})

test.each([
  ['garbage', '{'],
  ['no path', '{"path":"","reference":"host"}'],
  ['a path that leads elsewhere', '{"path":"@example.org/v1/capture/x","reference":"host"}'],
])('a ticket of %s is a failure of the service', async (_, body) => {
  const service = await answering((_request, response) => response.writeHead(201).end(body))
  const request = requestOf(['host'])
  await expect(prepare(service, request, signal)).rejects.toMatchObject({
    code: 'PEER_FAILED',
  })
})
