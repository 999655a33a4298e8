/** Peers that speak gRPC badly, or not at all, or know less than a whole engine: each with its reason, and bounded. */
import { createServer, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { askAbout } from '../../src/engine/about.ts'
import { containerdEngine } from '../../src/engine/containerd.ts'
import { criEngine } from '../../src/engine/cri.ts'
import type { EngineEvent } from '../../src/engine/engine.ts'
import { askEngines } from '../../src/engine/engines.ts'
import {
  containerdVersion,
  containerStatus,
  criVersion,
  getContainerEvents,
  getTask,
  listContainerdContainers,
  listContainers,
  listNamespaces,
  listPodSandbox,
  listTasks,
  podSandboxStatus,
  subscribe,
} from '../../src/engine/messages.ts'
import { until } from '../helpers/command.ts'
import { answers, answersBytes, type Behaviour, grpcPeer, streams } from '../helpers/grpc-peer.ts'
import { endPeers, openConnections, peer } from '../helpers/peer.ts'
import { scratch } from '../helpers/scratch.ts'

const ends: (() => void)[] = []
afterEach(() => {
  endPeers()
  for (const end of ends.splice(0)) end()
})

async function peerThat(...behaviours: readonly Behaviour[]): Promise<string> {
  const { socket, end } = await grpcPeer(...behaviours)
  ends.push(end)
  return socket
}

const signal = () => AbortSignal.timeout(5_000)
const silence = { ready: () => {}, event: () => {} }
/** An HTTP/2 SETTINGS frame without settings. */
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

describe.each([
  ['containerd', containerdEngine],
  ['cri', criEngine],
])('%s behind a socket that', (_, engine) => {
  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['never answers', () => {}, /did not answer within 300 ms/],
    ['greets and never answers', socket => void socket.write(settings), /did not answer within 300 ms/],
    ['hangs up', socket => socket.destroy(), /no usable answer/],
    [
      'speaks HTTP/1',
      socket => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
      /no usable answer/,
    ],
    ['speaks on and on', socket => void socket.write('220 mail.example ESMTP\r\n'.repeat(100)), /no usable answer/],
    ['greets and sends garbage', socket => void socket.write(Buffer.concat([settings, Buffer.alloc(99, 0xff)])), /./],
  ])('%s is reported, and left', async (_, answer, message) => {
    const started = performance.now()
    const [result] = await askEngines([engine(await peer(answer))], 300)
    expect(result?.containers).toEqual([])
    expect(result?.failure).toMatchObject({ code: 'PEER_FAILED', message: expect.stringMatching(message) })
    expect(performance.now() - started).toBeLessThan(2_000)
    await until('the connection is closed', () => openConnections() === 0, 2_000)
  })

  test('hangs up cannot be followed', async () => {
    const socket = await peer(connection => connection.destroy())
    await expect(engine(socket).follow(silence, signal())).rejects.toMatchObject({ code: 'PEER_FAILED' })
  })

  test('nobody listens on is reported', async () => {
    const { socket, end } = await grpcPeer()
    end()
    await expect(engine(socket).containers(signal())).rejects.toMatchObject({ code: 'PEER_FAILED' })
  })
})

describe('an engine that speaks HTTP/2', () => {
  const message = Buffer.alloc(5)
  const grpc = { 'content-type': 'application/grpc' }

  async function http2Peer(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
    const socket = join(scratch(), 'engine.sock')
    const server = createServer().on('stream', stream => answer(stream.on('error', () => {})))
    await new Promise<void>(resolve => server.listen(socket, resolve))
    ends.push(() => server.close())
    return socket
  }

  /** Answers with bytes, and trailers after them. */
  function answered(bytes: Buffer, trailers: OutgoingHttpHeaders) {
    return (stream: ServerHttp2Stream) => {
      stream.respond(grpc, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers(trailers))
      stream.end(bytes)
    }
  }

  test.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ['no gRPC', stream => stream.respond({ ':status': 404 }, { endStream: true }), 'status 404 of HTTP'],
    ['without a status', answered(message, { other: '1' }), 'it hung up before it had answered'],
    ['with a status that is none', answered(message, { 'grpc-status': '0x0' }), 'it hung up before it had answered'],
    ['without an answer', answered(Buffer.alloc(0), { 'grpc-status': '0' }), 'its answer is empty'],
    ['twice', answered(Buffer.concat([message, message]), { 'grpc-status': '0' }), 'it answered more than once'],
    [
      'with a compressed answer',
      answered(Buffer.of(1, 0, 0, 0, 0), { 'grpc-status': '0' }),
      'its answer is compressed',
    ],
    ['with half of an answer', answered(Buffer.of(0, 0, 0, 0, 9, 10), { 'grpc-status': '0' }), 'its answer is empty'],
    [
      'with a failure in words',
      answered(Buffer.alloc(0), { 'grpc-status': '13', 'grpc-message': 'n%C3%B3 disk' }),
      'status 13 of gRPC: nó disk',
    ],
    [
      'with a failure in words of no known encoding',
      stream => stream.respond({ ...grpc, 'grpc-status': '7', 'grpc-message': '100%' }, { endStream: true }),
      'status 7 of gRPC: 100%',
    ],
    ['and resets the stream', stream => stream.close(2), 'Stream closed with error code NGHTTP2_INTERNAL_ERROR'],
    ['and cancels the call', stream => stream.close(8), 'it hung up before it had answered'],
    ['and ends the session', stream => stream.session?.goaway(2), 'Session closed with error code 2'],
  ])('%s is reported', async (_, answer, reason) => {
    const socket = await http2Peer(answer)
    const asking = criEngine(socket).containers(signal())
    await expect(asking).rejects.toMatchObject({
      code: 'PEER_FAILED',
      message: `no usable answer from ${socket}: ${reason}`,
    })
  })

  test('announces an answer of more than 16 MiB is left before that comes', async () => {
    const socket = await http2Peer(stream => {
      stream.respond(grpc)
      stream.write(Buffer.of(0, 1, 0, 0, 1))
    })
    await expect(criEngine(socket).containers(signal())).rejects.toThrow(/16777217 bytes/)
  })
})

test('no connection is opened for a signal that has aborted', async () => {
  let connections = 0
  const socket = join(scratch(), 'engine.sock')
  const server = createServer().on('connection', () => connections++)
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const reason = new Error('stopped')
  await expect(criEngine(socket).containers(AbortSignal.abort(reason))).rejects.toBe(reason)
  await new Promise(resolve => server.close(resolve))
  expect(connections).toBe(0)
})

describe('containerd', () => {
  test('whose events end is given up', async () => {
    const { socket, end } = await grpcPeer(
      answers(containerdVersion, () => ({})),
      streams(subscribe, () => {}),
    )
    const following = containerdEngine(socket).follow({ ready: end, event: () => {} }, signal())
    await expect(following).rejects.toMatchObject({ code: 'PEER_FAILED' })
  })

  test('whose answer is cut off within a field is no engine', async () => {
    const socket = await peerThat(answersBytes(listNamespaces, Uint8Array.of(0x0a, 0x7f, 0x0a)))
    await expect(containerdEngine(socket).containers(signal())).rejects.toMatchObject({ code: 'PEER_FAILED' })
  })

  test('whose answer is larger than 64 MiB is given up', async () => {
    const socket = await peerThat(answersBytes(listNamespaces, new Uint8Array(64 * 1024 * 1024 + 1)))
    await expect(containerdEngine(socket).containers(signal())).rejects.toMatchObject({ code: 'PEER_FAILED' })
  })

  test('with containers of the same id in two namespaces tells them apart', async () => {
    const task = (pid: number, status = 2) => ({ id: 'web', pid, status })
    let asked = 0
    const socket = await peerThat(
      answers(listNamespaces, () => ({ namespaces: [{ name: 'default' }, { name: 'other' }] })),
      answers(listContainerdContainers, () => ({
        containers: [{ id: 'web' }, { id: 'f'.repeat(64), labels: { 'nerdctl/name': 'db' } }],
      })),
      answers(listTasks, () => ({ tasks: [task(7), { id: 'f'.repeat(64), pid: 8, status: 4 }] })),
      answers(getTask, () => {
        asked++
        return { process: task(7) }
      }),
    )
    const engine = containerdEngine(socket)
    const listed = (await engine.containers(signal())).map(({ name, id, state }) => [name, id, state])
    expect(listed).toEqual([
      ['db', 'f'.repeat(64), 'paused'],
      ['other/db', 'f'.repeat(64), 'paused'],
      ['other/web', 'other/web', 'running'],
      ['web', 'web', 'running'],
    ])
    expect(await engine.process('other/web', signal())).toMatchObject({ pid: 7 })
    expect(asked).toBe(1)
  })
})

describe('a CRI', () => {
  const pod = { id: 'aa', metadata: { name: 'shop', namespace: 'lab', uid: 'u' }, state: 0, annotations: { note: 'x' } }
  const container = { id: 'bb', podSandboxId: 'aa', metadata: { name: 'web' }, state: 1, imageRef: 'sha256:1' }

  test('lists pods with what a kubelet would have labelled them, and their containers', async () => {
    const socket = await peerThat(
      answers(listPodSandbox, () => ({ items: [pod, { ...pod, id: 'gone', state: 1 }] })),
      answers(listContainers, () => ({
        containers: [container, { ...container, id: 'exited', state: 2 }, { id: 'x' }],
      })),
    )
    const listed = await criEngine(socket).containers(signal())
    expect(listed).toMatchObject([
      {
        id: 'aa',
        name: 'aa',
        pod: { id: 'aa', name: 'lab/shop', sandbox: true },
        labels: {
          'io.kubernetes.pod.name': 'shop',
          'io.kubernetes.pod.namespace': 'lab',
          'io.kubernetes.pod.uid': 'u',
        },
        annotations: { note: 'x' },
      },
      { id: 'bb', name: 'web', image: 'sha256:1', pod: { id: 'aa', name: 'lab/shop', sandbox: false } },
    ])
  })

  test('of the older version is asked in that, and looked at again and again', async () => {
    const old = <M extends { path: string }>(method: M): M => ({
      ...method,
      path: method.path.replace('.v1.', '.v1alpha2.'),
    })
    let containers = [container]
    const socket = await peerThat(
      answers(old(criVersion), () => ({ runtimeVersion: '1.18' })),
      answers(old(listPodSandbox), () => ({ items: [pod] })),
      answers(old(listContainers), () => ({ containers })),
      answers(old(containerStatus), () => ({ status: { state: 1, startedAt: 5 }, info: { info: '{"pid":7}' } })),
    )
    const engine = criEngine(socket)
    expect((await engine.containers(signal())).map(({ id }) => id).sort()).toEqual(['aa', 'bb'])
    expect(await engine.process('bb', signal())).toMatchObject({ pid: 7 })
    expect((await askAbout(engine, signal())).version).toBe('1.18')
    const replace = () => {
      containers = [{ ...container, id: 'cc' }]
    }
    expect(await told(socket, 2, replace)).toEqual([
      { id: 'bb', kind: 'end' },
      { id: 'cc', kind: 'start' },
    ])
  })

  test('that containerd does not have has no containers; that nobody has is a failure', async () => {
    const withoutCri = await peerThat(answers(containerdVersion, () => ({})))
    expect(await criEngine(withoutCri).containers(signal())).toEqual([])
    await expect(criEngine(await peerThat()).containers(signal())).rejects.toMatchObject({
      code: 'PEER_FAILED',
      message: expect.stringMatching(/does not speak CRI v1/),
    })
  })

  test.each<[string, Record<string, string>, string[]]>([
    ['an environment', { info: '{"runtimeSpec":{"process":{"env":["A=1",7,"B="]}}}' }, ['A=1', 'B=']],
    ['another spec', { info: '{"runtimeSpec":{"process":[]}}' }, []],
    ['nothing', {}, []],
    ['no JSON', { info: '{"runtimeSpec":' }, []],
    ['too much', { info: JSON.stringify({ runtimeSpec: { process: { env: ['A=1', 'x'.repeat(1 << 20)] } } }) }, []],
  ])('that tells %s of a container', async (_, info, expected) => {
    const socket = await peerThat(answers(containerStatus, () => ({ status: { state: 1 }, info })))
    expect(await criEngine(socket).configuration?.('bb', signal())).toEqual({ environment: expected, annotations: {} })
  })

  test.each<[string, Record<string, string>, { pid: number } | undefined | RegExp]>([
    ['a process', { info: '{"pid":7}' }, { pid: 7 }],
    ['no process any more', { info: '{"pid":0}' }, undefined],
    ['nothing', {}, /does not tell the process/],
    ['no JSON', { info: 'pid: 7' }, /does not tell the process/],
    ['null', { info: 'null' }, /does not tell the process/],
    ['a text', { info: '{"pid":"7"}' }, /does not tell the process/],
  ])('that tells %s in its status', async (_, info, expected) => {
    const socket = await peerThat(
      answers(containerStatus, () => undefined),
      answers(podSandboxStatus, () => ({ status: { state: 0, createdAt: 5 }, info })),
    )
    const answer = criEngine(socket).process('aa', signal())
    if (expected instanceof RegExp) await expect(answer).rejects.toThrow(expected)
    else if (expected === undefined) expect(await answer).toBeUndefined()
    else expect(await answer).toMatchObject(expected)
  })

  /** What is told until so many events are there. */
  async function told(socket: string, count: number, onReady = () => {}): Promise<EngineEvent[]> {
    const events: EngineEvent[] = []
    const stop = new AbortController()
    const event = (one: EngineEvent) => {
      events.push(one)
      if (events.length === count) stop.abort()
    }
    await criEngine(socket).follow({ ready: onReady, event }, AbortSignal.any([stop.signal, signal()]))
    return events
  }

  test('with events tells them', async () => {
    const socket = await peerThat(
      answers(criVersion, () => ({})),
      streams(getContainerEvents, send => {
        for (const type of [0, 1, 2, 3, 9]) send({ containerId: `c${type}`, type })
      }),
    )
    expect(await told(socket, 4)).toEqual([
      { id: 'c0', kind: 'change' },
      { id: 'c1', kind: 'start' },
      { id: 'c2', kind: 'end' },
      { id: 'c3', kind: 'change' },
    ])
  })

  test('without events is looked at again and again', async () => {
    let containers = [container]
    const socket = await peerThat(
      answers(criVersion, () => ({})),
      answers(listPodSandbox, () => ({ items: [pod] })),
      answers(listContainers, () => ({ containers })),
    )
    const replace = () => {
      containers = [{ ...container, id: 'cc' }]
    }
    expect(await told(socket, 2, replace)).toEqual([
      { id: 'bb', kind: 'end' },
      { id: 'cc', kind: 'start' },
    ])
  })
})
