/** A gRPC server behind a unix socket that knows just the methods a test gives it. */
import { join } from 'node:path'
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js'
import type { Method } from '../../src/engine/messages.ts'
import { type Decoded, decode, type Encodable, encode, type Message } from '../../src/engine/protobuf.ts'
import { scratch } from './scratch.ts'

/** A method, and what is done when it is called. */
export interface Behaviour {
  readonly path: string
  readonly streams: boolean
  handle(request: Buffer, send: (answer: Buffer) => void): void
}

/** Answers a question; undefined stands for NOT_FOUND. */
export function answers<Request extends Message, Answer extends Message>(
  { path, request, answer }: Method<Request, Answer>,
  reply: (question: Decoded<Request>) => Encodable<Answer> | undefined,
): Behaviour {
  return {
    path,
    streams: false,
    handle(question, send) {
      const content = reply(decode(request, question))
      if (content === undefined) throw Object.assign(new Error('unknown'), { code: status.NOT_FOUND })
      send(encode(answer, content))
    },
  }
}

/** Opens a stream; `begin` gets what sends on it. */
export function streams<Request extends Message, Answer extends Message>(
  { path, answer }: Method<Request, Answer>,
  begin: (send: (message: Encodable<Answer>) => void) => void,
): Behaviour {
  return { path, streams: true, handle: (_, send) => begin(message => send(encode(answer, message))) }
}

/** Answers with bytes that are perhaps no message at all. */
export function answersBytes({ path }: { path: string }, bytes: Uint8Array): Behaviour {
  return { path, streams: false, handle: (_, send) => send(Buffer.from(bytes)) }
}

const raw = (bytes: Buffer) => bytes

/** Starts a server. */
export async function grpcPeer(...behaviours: readonly Behaviour[]): Promise<{ socket: string; end(): void }> {
  const server = new Server({ 'grpc.max_send_message_length': -1 })
  for (const { path, streams: responseStream, handle } of behaviours) {
    const codec = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw }
    const unary = ({ request }: { request: Buffer }, reply: sendUnaryData<Buffer>) => {
      try {
        handle(request, answer => reply(null, answer))
      } catch (error) {
        reply(error as Error)
      }
    }
    const stream = (call: ServerWritableStream<Buffer, Buffer>) => handle(call.request, answer => call.write(answer))
    server.addService(
      { method: { path, requestStream: false, responseStream, ...codec } },
      { method: responseStream ? stream : unary },
    )
  }
  const socket = join(scratch(), 'engine.sock')
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), error =>
      error ? reject(error) : resolve(),
    ),
  )
  return { socket, end: () => server.forceShutdown() }
}
