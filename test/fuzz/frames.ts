/**
 * The client of a capture and a service that sends what it likes: frames of any kind, broken ones, garbage, any close, and
 * an end without one. What came whole is taken, byte for byte; the end comes at once and says why.
 */
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { dial, type StreamEnd } from '../../src/remote/websocket.ts'
import { pieces, randomFrom } from '../helpers/random.ts'
import { acceptFor, closePayload, frame, opcodes } from '../helpers/websocket.ts'
import { fuzzPeer } from './peer.ts'
import { checkRefusal, type FuzzTarget, talkingTarget } from './target.ts'
import { anyText } from './text.ts'

const peer = fuzzPeer()

/** What a service sends: bytes, what a client takes of them, and whether it may go on after them. */
interface Sent {
  readonly bytes: Buffer
  readonly taken?: Buffer
  readonly broken?: true
  readonly close?: { readonly code: number; readonly reason: string }
}

const payload = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes))
const faultCodes: readonly number[] = [1005, 1006, 1015]
const mayBeSent = (code: number) =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)

const sound: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 4, arbitrary: payload.map(bytes => ({ bytes: frame(opcodes.binary, bytes, false), taken: bytes })) },
  anyText.map(text => ({ bytes: frame(opcodes.text, Buffer.from(text), false) })),
  fc.constantFrom(opcodes.ping, opcodes.pong).map(opcode => ({ bytes: frame(opcode, Buffer.from('x'), false) })),
  fc.tuple(payload, payload).map(([first, second]) => {
    const begin = frame(opcodes.binary, first, false)
    begin[0] = opcodes.binary
    const bytes = Buffer.concat([begin, frame(opcodes.continuation, second, false)])
    return { bytes, taken: Buffer.concat([first, second]) }
  }),
)
const broken: fc.Arbitrary<Sent> = fc.oneof(
  payload.map(bytes => ({ bytes: frame(opcodes.binary, bytes, true), broken: true as const })),
  fc
    .constantFrom(3, 7, 11, 15)
    .map(opcode => ({ bytes: frame(opcode, Buffer.alloc(3), false), broken: true as const })),
  fc.constantFrom(0x40, 0x20, 0x10).map(bit => {
    const bytes = frame(opcodes.binary, Buffer.alloc(1), false)
    bytes[0] = (bytes[0] ?? 0) | bit
    return { bytes, broken: true as const }
  }),
  fc.constant<Sent>({ bytes: frame(opcodes.text, Buffer.of(0xff, 0xfe), false), broken: true }),
  fc.constant<Sent>({ bytes: Buffer.from('827f7fffffffffffffff', 'hex'), broken: true }),
  fc.constant<Sent>({ bytes: Buffer.from('880103', 'hex'), broken: true }),
)
const close: fc.Arbitrary<Sent> = fc
  .tuple(
    fc.oneof(fc.constantFrom(1000, 1001, 1005, 1006, 1008, 1011, 1013, 1015), fc.integer({ min: 0, max: 65_535 })),
    fc.oneof(anyText, payload).map(reason => Buffer.from(reason).subarray(0, 123)),
  )
  .map(([code, reason]) => {
    const bytes = frame(
      opcodes.close,
      Buffer.concat([closePayload(code || 1), reason.subarray(code === 1005 ? 123 : 0)]),
      false,
    )
    if (code === 1005) return { bytes, close: { code, reason: '' } }
    if (!faultCodes.includes(code) && (!mayBeSent(code) || !isUtf8(reason))) return { bytes, broken: true as const }
    return { bytes, close: { code, reason: reason.toString() } }
  })

const script = fc.record({
  sound: fc.array(sound, { maxLength: 6 }),
  last: fc.option(fc.oneof({ weight: 3, arbitrary: close }, { weight: 1, arbitrary: broken }), { nil: undefined }),
  end: fc.constantFrom('fin', 'cut off'),
  longest: fc.constantFrom(1, 5, 4_000),
  seed: fc.integer(),
})

async function talk(sent: readonly Sent[], end: string, longest: number, seed: number): Promise<[StreamEnd, Buffer]> {
  const socketPath = await peer.listening()
  peer.answer = (socket, said) => {
    const [, key = ''] = /^sec-websocket-key: (.*)$/im.exec(said.toString()) ?? []
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptFor(key.trim())}\r\n\r\n`,
    )
    for (const piece of pieces(Buffer.concat(sent.map(({ bytes }) => bytes)), longest, randomFrom(seed))) {
      socket.write(piece)
    }
    if (end === 'cut off') setImmediate(() => socket.destroy())
    else socket.end()
  }
  const taken: Buffer[] = []
  const taker = { take: async (chunk: Buffer) => void taken.push(Buffer.from(chunk)), note: () => {} }
  const { signal } = new AbortController()
  const stream = await dial({ base: `unix:${socketPath}` }, '/capture?netns=1', { taker, signal })
  return [await stream.ended, Buffer.concat(taken)]
}

const services = talkingTarget(
  'services that send anything',
  8_000,
  script,
  async ({ sound, last, end, longest, seed }) => {
    const sent = last === undefined ? sound : [...sound, last]
    const expected = Buffer.concat(sound.flatMap(({ taken }) => taken ?? []))
    let ended: StreamEnd
    let taken: Buffer
    try {
      ;[ended, taken] = await talk(sent, end, longest, seed)
    } catch (error) {
      // It may be cut off before the handshake is through.
      checkRefusal(error, end === 'cut off' ? ['PEER_FAILED'] : [])
      return
    } finally {
      peer.hangUp()
    }
    const { code, reason, failure } = ended
    if (failure !== undefined) checkRefusal(failure, ['PEER_FAILED'])
    assert.ok(Buffer.byteLength(reason) <= 3 * 123)
    if (end === 'cut off') return assert.ok(expected.subarray(0, taken.length).equals(taken))
    assert.ok(taken.equals(expected), `${taken.length} bytes of ${expected.length}`)
    if (last?.close !== undefined) assert.deepEqual({ code, reason }, last.close)
    else assert.equal(code, undefined)
  },
  peer.close,
)

export const frameTargets: readonly FuzzTarget[] = [services]
