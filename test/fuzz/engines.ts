/**
 * Engines that answer anything: documents with something else in them, no documents, bytes that are no HTTP and no
 * protocol buffer, endless ones, nothing. An engine may be one of a container that only calls itself so. What comes out
 * has the types it says it has, or is a refusal with a code, in no time.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { askAbout } from '../../src/engine/about.ts'
import { containerdEngine } from '../../src/engine/containerd.ts'
import { criEngine } from '../../src/engine/cri.ts'
import { dockerEngine } from '../../src/engine/docker.ts'
import type { Container, Engine, EngineEvent } from '../../src/engine/engine.ts'
import * as messages from '../../src/engine/messages.ts'
import { askNetworks } from '../../src/engine/networks.ts'
import { podmanEngine } from '../../src/engine/podman.ts'
import { decode, type Encodable, encode, type Message } from '../../src/engine/protobuf.ts'
import { grpcPeer } from '../helpers/grpc-peer.ts'
import { pieces, type Random, randomFrom } from '../helpers/random.ts'
import { mutate, mutateJson, mutateText } from './mutate.ts'
import { fuzzPeer } from './peer.ts'
import { checkRefusal, type FuzzTarget, talkingTarget, target } from './target.ts'

const isText = (value: unknown) => typeof value === 'string'
const isTextMap = (value: object) => Object.values(value).every(isText)

/** Fails unless a container is what its type says, to the last member. */
function checkContainer(container: Container): void {
  const { id, name, prefix, image, state, created, labels, annotations = {}, addresses, pod, process } = container
  assert.ok([id, name, prefix, image, ...addresses].every(isText), JSON.stringify(container).slice(0, 500))
  assert.ok(state === 'running' || state === 'paused')
  assert.ok(Number.isFinite(created), `created ${created}`)
  assert.ok(typeof labels === 'object' && labels !== null && isTextMap(labels), JSON.stringify(labels).slice(0, 200))
  assert.ok(isTextMap(annotations))
  if (pod !== undefined) assert.ok(isText(pod.id) && isText(pod.name) && typeof pod.sandbox === 'boolean')
  if (process !== undefined) checkProcess(process)
}

function checkProcess({ pid, incarnation, startedAt, restarts }: NonNullable<Container['process']>): void {
  assert.ok(Number.isSafeInteger(pid) && pid > 0, `pid ${pid}`)
  assert.ok(isText(incarnation))
  if (startedAt !== undefined) assert.match(startedAt, /^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  if (restarts !== undefined) assert.ok(Number.isSafeInteger(restarts))
}

function checkEvent({ id, kind, name }: EngineEvent): void {
  assert.ok(isText(id) && ['start', 'end', 'change'].includes(kind) && (name === undefined || isText(name)))
}

/** One of the questions remora has for an engine. */
async function askOne(engine: Engine, question: number): Promise<void> {
  const signal = AbortSignal.timeout(500)
  if (question === 0) for (const one of await engine.containers(signal, { addresses: true })) checkContainer(one)
  else if (question === 1) {
    const process = await engine.process('web', signal)
    if (process !== undefined) checkProcess(process)
  } else if (question === 2) await engine.follow({ ready: () => {}, event: checkEvent }, signal)
  else if (question === 3)
    for (const one of await askNetworks(engine, signal))
      assert.ok(isText(one.name) && isText(one.carrier) && isTextMap(one.labels))
  else if (question === 4) assert.ok(Object.values(await askAbout(engine, signal)).every(isText))
  else {
    const { environment, annotations = {} } = (await engine.configuration?.('web', signal)) ?? {}
    assert.ok(environment?.every(isText) && isTextMap(annotations))
  }
}

async function ask(engine: Engine, question: number): Promise<void> {
  try {
    await askOne(engine, question)
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') checkRefusal(error, ['PEER_FAILED', 'FORBIDDEN'])
  }
}

/** What real engines said, a document a line where it is a stream. */
const documents = [
  '[{"Id":"aa11","Names":["/web","/x/web"],"Image":"img:1","ImageID":"sha256:1","Created":1795240569,"State":"running","Labels":{"a":"b"},"NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":""}}}},{"Id":"bb22","Names":["/k8s_POD_shop-1_default_6b2f3c9e-00_1"],"State":"paused"}]',
  '{"Id":"aa11","State":{"Running":true,"Paused":false,"Pid":4711,"StartedAt":"2026-11-21T11:00:00.123456789Z"},"RestartCount":2,"Config":{"Env":["A=1"]}}',
  '{"Type":"container","Action":"start","Actor":{"ID":"aa11","Attributes":{"name":"web","image":"img:1"}},"time":1795240569}',
  '[{"Id":"aa11","Names":["web"],"Image":"img:1","State":"running","Created":"2026-11-21T11:00:00Z","StartedAt":1795240569,"Pid":4711,"Labels":{"a":"b"},"Pod":"cc33","PodName":"shop","IsInfra":true}]',
  '[{"Id":"cc33","Name":"shop","Labels":{"app":"shop"},"Containers":[{"Id":"aa11"}]}]',
  '[{"Name":"bridge","Id":"dd44","Driver":"bridge","Internal":false,"Options":{"com.docker.network.bridge.name":"docker0","com.docker.network.bridge.default_bridge":"true"},"Labels":{"a":"b"}}]',
  '[{"name":"podman","driver":"bridge","network_interface":"podman0","internal":false,"labels":{"a":"b"}}]',
  '{"ID":"ABCD:EFGH","ServerVersion":"20.10.24"}',
] as const

/** A body of an answer, right in part. */
function body(random: Random): string {
  const document = random.pick(documents)
  const form = random.below(8)
  if (form === 0) return mutateText(document, random)
  const one = mutateJson(document, random.below(4), random)
  return form === 1 ? `${one}\n${mutateJson(document, 1, random)}\n` : `${one}\n`
}

/** Sends an answer of HTTP, or what is not quite one. */
function answerHttp(socket: Socket, random: Random): void {
  const bytes = Buffer.from(body(random))
  const form = random.below(2_000)
  const status =
    form > 1_900 ? random.pick(['404 Not Found', '500 Oh', '204 No', '301 There', '100 Go', '999 x']) : '200 OK'
  const whole = Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${bytes.length + (form === 20 ? 1 : 0)}\r\n\r\n`),
    bytes,
  ])
  if (form === 21) endless(socket)
  if (form === 21 || form === 22) return
  if (form < 400)
    for (const piece of pieces(mutate(whole, 1 + random.below(3), random), 100, random)) socket.write(piece)
  else socket.write(whole)
  socket.end()
}

/** Sends for as long as somebody reads. */
function endless(socket: Socket): void {
  const chunk = Buffer.alloc(1 << 20, '{"a":')
  const send = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', send)
  socket.write('HTTP/1.1 200 OK\r\n\r\n')
  send()
}

const http = fuzzPeer()
const asked = fc.record({ question: fc.nat(5), isPodman: fc.boolean(), seed: fc.integer() })

const docker = talkingTarget(
  'engines by HTTP',
  20_000,
  asked,
  async ({ question, isPodman, seed }) => {
    const socket = await http.listening()
    const random = randomFrom(seed)
    http.answer = connection => answerHttp(connection, random)
    await ask(isPodman ? podmanEngine(socket) : dockerEngine(socket), question)
    http.hangUp()
  },
  http.close,
)

const process = { id: 'web', pid: 7, status: 2, stdout: '/run/x' }
const labels = { 'nerdctl/name': 'db', 'io.kubernetes.pod.name': 'shop' }

function example<Answer extends Message>(answer: Answer, content: Encodable<Answer>) {
  return { answer, bytes: encode(answer, content) }
}

/** What real engines answer, by the path of the method. */
const examples: Readonly<Record<string, { readonly answer: Message; readonly bytes: Buffer }>> = {
  [messages.listNamespaces.path]: example(messages.listNamespaces.answer, { namespaces: [{ name: 'default' }] }),
  [messages.listContainerdContainers.path]: example(messages.listContainerdContainers.answer, {
    containers: [{ id: 'web', labels, image: 'img:1', createdAt: { seconds: 1_795_240_569 } }],
  }),
  [messages.getContainerdContainer.path]: example(messages.getContainerdContainer.answer, {
    container: { spec: { value: Buffer.from('{"process":{"env":["A=1"]}}') } },
  }),
  [messages.listTasks.path]: example(messages.listTasks.answer, { tasks: [process] }),
  [messages.getTask.path]: example(messages.getTask.answer, { process }),
  [messages.subscribe.path]: example(messages.subscribe.answer, {
    namespace: 'k8s.io',
    topic: '/tasks/exit',
    event: { value: encode(messages.taskExit, { containerId: 'web', id: 'web' }) },
  }),
  [messages.containerdVersion.path]: example(messages.containerdVersion.answer, { version: '1.6.20' }),
  [messages.criVersion.path]: example(messages.criVersion.answer, { runtimeVersion: '1.6.20' }),
  [messages.listPodSandbox.path]: example(messages.listPodSandbox.answer, {
    items: [
      { id: 'aa', metadata: { name: 'shop', namespace: 'lab', uid: 'u' }, createdAt: 1.79e18, annotations: labels },
    ],
  }),
  [messages.listContainers.path]: example(messages.listContainers.answer, {
    containers: [{ id: 'bb', podSandboxId: 'aa', metadata: { name: 'web' }, image: { image: 'i' }, state: 1, labels }],
  }),
  [messages.containerStatus.path]: example(messages.containerStatus.answer, {
    status: { state: 1, startedAt: 1.79e18 },
    info: { info: '{"pid":7,"runtimeSpec":{"process":{"env":["A=1"]}}}' },
  }),
  [messages.podSandboxStatus.path]: example(messages.podSandboxStatus.answer, {
    status: { createdAt: 1.79e18, network: { ip: '10.0.0.1', additionalIps: [{ ip: 'fd00::1' }] } },
    info: { info: '{"pid":7}' },
  }),
  [messages.getContainerEvents.path]: example(messages.getContainerEvents.answer, { containerId: 'bb', type: 1 }),
}
const streaming: readonly string[] = [messages.subscribe.path, messages.getContainerEvents.path]
const all = Object.values(examples)
const encodings = all.map(({ bytes }) => bytes)

const encoded = fc.record({ message: fc.nat(all.length - 1), damages: fc.nat(4), seed: fc.integer() })

const protobuf = target('protocol buffers', 60_000, encoded, ({ message, damages, seed }) => {
  const { answer, bytes } = all[message] as (typeof all)[number]
  const damaged = Uint8Array.from(mutate(bytes, damages, randomFrom(seed), encodings))
  let read: object
  try {
    read = decode(answer, damaged)
  } catch (error) {
    return assert.ok(error instanceof Error && error.message.length < 200)
  }
  assert.deepEqual(Object.keys(read), Object.keys(answer))
  assert.deepEqual(decode(answer, Uint8Array.from(encode(answer, read as Encodable<Message>))), read)
})

let grpc: ReturnType<typeof grpcPeer> | undefined
function grpcSocket(): ReturnType<typeof grpcPeer> {
  grpc ??= grpcPeer(...behaviours)
  return grpc
}
let damage: (bytes: Buffer) => Buffer = bytes => bytes
const behaviours = Object.entries(examples).map(([path, { bytes }]) => ({
  path,
  streams: streaming.includes(path),
  handle: (_: Buffer, send: (answer: Buffer) => void) => send(damage(bytes)),
}))

const engines = talkingTarget(
  'engines by gRPC',
  3_000,
  fc.record({ question: fc.constantFrom(0, 1, 4, 5), isCri: fc.boolean(), damages: fc.nat(3), seed: fc.integer() }),
  async ({ question, isCri, damages, seed }) => {
    const { socket } = await grpcSocket()
    const random = randomFrom(seed)
    damage = bytes => (random.below(2) === 0 ? bytes : mutate(bytes, damages, random, encodings))
    await ask(isCri ? criEngine(socket) : containerdEngine(socket), question)
  },
  () => {
    grpc?.then(({ end }) => end())
    grpc = undefined
  },
)

const raw = fuzzPeer()
/** HTTP/2: SETTINGS, its acknowledgement, and a HEADERS frame as a server begins an answer. */
const greeting = Buffer.from('000000040000000000' + '000000040100000000' + '00000101040000000188', 'hex')

const rawEngines = talkingTarget(
  'engines that speak no gRPC',
  1_500,
  fc.record({ isCri: fc.boolean(), damages: fc.nat(6), noise: fc.uint8Array({ maxLength: 60 }), seed: fc.integer() }),
  async ({ isCri, damages, noise, seed }) => {
    const socket = await raw.listening()
    const random = randomFrom(seed)
    raw.answer = connection => {
      connection.write(mutate(Buffer.concat([greeting, noise]), damages, random))
      setTimeout(() => connection.end(), 5)
    }
    await ask(isCri ? criEngine(socket) : containerdEngine(socket), 0)
    raw.hangUp()
  },
  raw.close,
)

export const engineTargets: readonly FuzzTarget[] = [docker, protobuf, engines, rawEngines]
