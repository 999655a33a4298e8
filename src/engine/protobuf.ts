/**
 * Protocol buffers (proto3 encoding) from tables of fields. A table names just the fields that are used; whatever else a
 * message holds is passed over, as the encoding asks for. The low-level library `pbf` loads in 1 ms; reading a .proto
 * text with protobufjs took 40 ms for messages like these, more than the whole answer of an engine.
 */
import { PbfReader, PbfWriter } from 'pbf'

/** Fields of a message by name: number in the encoding, type, and whether there may be several. */
export interface Message {
  readonly [field: string]: readonly [number: number, type: FieldType, repeated?: 'repeated']
}

/** `number` is every integer encoded as a varint, enumerations included; beyond 2^53 it is rounded. `map` has text only. */
type FieldType = 'string' | 'number' | 'boolean' | 'bytes' | 'map' | Message

/** What a message holds: a field that is not there has the default of its type, a message undefined. */
export type Decoded<M extends Message> = {
  readonly [F in keyof M]: M[F] extends readonly [number, infer T, 'repeated']
    ? readonly Value<T>[]
    : M[F] extends readonly [number, infer T]
      ? T extends Message
        ? Decoded<T> | undefined
        : Value<T>
      : never
}

/** What is sent: any of the fields. */
export type Encodable<M extends Message> = {
  readonly [F in keyof M]?: M[F] extends readonly [number, infer T, 'repeated']
    ? readonly (T extends Message ? Encodable<T> : Value<T>)[]
    : M[F] extends readonly [number, infer T]
      ? T extends Message
        ? Encodable<T>
        : Value<T>
      : never
}

type Value<T> = T extends 'string'
  ? string
  : T extends 'number'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'bytes'
        ? Uint8Array
        : T extends 'map'
          ? Readonly<Record<string, string>>
          : T extends Message
            ? Decoded<T>
            : never

/** A field of text in a map is a message of its own. */
const mapEntry = { key: [1, 'string'], value: [2, 'string'] } as const satisfies Message

/**
 * Reads a message.
 * @throws Error when the bytes end within a field
 */
export function decode<const M extends Message>(message: M, bytes: Uint8Array): Decoded<M> {
  const reader = new PbfReader(bytes)
  const found = new Map<number, unknown[]>()
  const types = new Map(Object.values(message).map(([number, type]) => [number, type]))
  reader.readFields(number => {
    const type = types.get(number)
    // A field of another type than expected is passed over like an unknown one.
    if (type === undefined || reader.type !== wireType(type)) return
    const values = found.get(number)
    if (values === undefined) found.set(number, [read(type, reader)])
    else values.push(read(type, reader))
  }, undefined)
  if (reader.pos > reader.length) throw new Error('a message ends within a field')
  const fields = Object.entries(message).map(([name, [number, type, repeated]]) => {
    const values = found.get(number) ?? []
    return [name, repeated === 'repeated' ? values : single(type, values)]
  })
  return Object.fromEntries(fields) as Decoded<M>
}

/** Writes a message. */
export function encode<const M extends Message>(message: M, content: Encodable<M>): Buffer {
  const writer = new PbfWriter()
  for (const [name, value] of Object.entries(content)) {
    const field = message[name]
    if (field === undefined || value === undefined) continue
    const [number, type, repeated] = field
    for (const one of repeated === 'repeated' ? (value as readonly unknown[]) : [value])
      write(type, number, one, writer)
  }
  return Buffer.from(writer.finish())
}

const varint = 0
const lengthDelimited = 2

function wireType(type: FieldType): number {
  return type === 'number' || type === 'boolean' ? varint : lengthDelimited
}

function read(type: FieldType, reader: PbfReader): unknown {
  switch (type) {
    case 'string':
      return reader.readString()
    case 'number':
      return reader.readVarint(true)
    case 'boolean':
      return reader.readBoolean()
    case 'bytes':
      return reader.readBytes()
    case 'map': {
      const { key, value } = decode(mapEntry, reader.readBytes())
      return [key, value]
    }
    default:
      return decode(type, reader.readBytes())
  }
}

/** Of a field that should be there once, the last one counts. */
function single(type: FieldType, values: readonly unknown[]): unknown {
  if (type === 'map') return Object.fromEntries(values as readonly [string, string][])
  if (values.length > 0) return values.at(-1)
  if (type === 'string') return ''
  if (type === 'number') return 0
  if (type === 'boolean') return false
  return type === 'bytes' ? new Uint8Array() : undefined
}

function write(type: FieldType, number: number, value: unknown, writer: PbfWriter): void {
  // Not writeStringField: it gets some characters beyond U+FFFF wrong (pbf 5.1.2).
  if (type === 'string') writer.writeBytesField(number, Buffer.from(value as string))
  else if (type === 'number') writer.writeVarintField(number, value as number)
  else if (type === 'boolean') writer.writeBooleanField(number, value as boolean)
  else if (type === 'bytes') writer.writeBytesField(number, value as Uint8Array)
  else if (type === 'map') {
    for (const [key, text] of Object.entries(value as Record<string, string>)) {
      writer.writeBytesField(number, encode(mapEntry, { key, value: text }))
    }
  } else writer.writeBytesField(number, encode(type, value as Encodable<Message>))
}
