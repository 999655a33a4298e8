/** Small damage to good input: to bytes, to the blocks of a capture file, to JSON. Everything follows from the randomness. */
import type { Random } from '../helpers/random.ts'

/** Numbers that are borders of something. */
const borders = [
  ...[0, 1, 2, 3, 4, 7, 8, 11, 12, 16, 20, 28, 31, 32, 0x7f, 0x80, 0xff, 0x100, 0xfffe, 0xffff, 0x10000],
  ...[0x3fffc, 0x40000, 0x40004, 0xfffffc, 0x1000000, 0x7ffffffc, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff],
  ...[0x0a0d0d0a, 0x1a2b3c4d, 0x4d3c2b1a, 0x544c534b],
]

type Damage = (bytes: Buffer, random: Random, others: readonly Buffer[]) => Buffer

const damages: readonly Damage[] = [
  function bit(bytes, random) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    return bytes
  },
  function byte(bytes, random) {
    bytes[random.below(bytes.length)] = random.below(256)
    return bytes
  },
  function number(bytes, random) {
    const at = random.below(bytes.length) & ~3
    if (at + 4 > bytes.length) return bytes
    const value = random.pick(borders)
    if (random.below(4) === 0) bytes.writeUInt32BE(value, at)
    else bytes.writeUInt32LE(value, at)
    return bytes
  },
  function nearly(bytes, random) {
    const at = random.below(bytes.length) & ~3
    if (at + 4 > bytes.length) return bytes
    bytes.writeUInt32LE((bytes.readUInt32LE(at) + random.pick([-4, -1, 1, 4, 0x10000])) >>> 0, at)
    return bytes
  },
  function cut(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length))
  },
  function without(bytes, random) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(40))])
  },
  function twice(bytes, random) {
    const at = random.below(bytes.length)
    const end = at + 1 + random.below(80)
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
  },
  function between(bytes, random) {
    const at = random.below(bytes.length)
    const noise = Buffer.from(Array.from({ length: 1 + random.below(24) }, () => random.below(256)))
    return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
  },
  function block(bytes, random) {
    // Blocks in another order, and those of other files, are whole: what is wrong is what they say.
    const list = blocksOf(bytes)
    const [taken = bytes] = list.splice(random.below(list.length), 1)
    if (random.below(2) === 0) list.splice(random.below(list.length + 1), 0, taken)
    return Buffer.concat(list)
  },
  function splice(bytes, random, others) {
    const list = blocksOf(bytes)
    const foreign = blocksOf(random.pick(others))
    list.splice(random.below(list.length + 1), 0, ...foreign.slice(random.below(foreign.length)))
    return Buffer.concat(list)
  },
]

/** Damages bytes so many times. */
export function mutate(bytes: Buffer, times: number, random: Random, others: readonly Buffer[] = [bytes]): Buffer {
  let damaged: Buffer = Buffer.from(bytes)
  for (let time = 0; time < times && damaged.length > 0; time++) damaged = random.pick(damages)(damaged, random, others)
  return damaged
}

/** Little-endian blocks as far as they are whole; the rest is one more. */
function blocksOf(bytes: Buffer): Buffer[] {
  const list: Buffer[] = []
  let at = 0
  while (at + 12 <= bytes.length) {
    const length = bytes.readUInt32LE(at + 4)
    if (length < 12 || at + length > bytes.length) break
    list.push(bytes.subarray(at, at + length))
    at += length
  }
  if (at < bytes.length || list.length === 0) list.push(bytes.subarray(at))
  return list
}

/** Damages a text here and there. */
export function mutateText(text: string, random: Random): string {
  const at = random.below(text.length + 1)
  const noise = random.pick(['', '"', '\\', '{', '}', ',', '\0', 'e9', '\\ud800', ']', ':', '-', '[['])
  return text.slice(0, at) + noise + text.slice(at + random.below(3))
}

const strange: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e300, -1e300, 2 ** 53, 4_294_967_296, '', 'x', '0', '\0', '\ud800', '/', '..'],
  ...['__proto__', 'a'.repeat(5_000), [], {}, [[]], [null], { '': null }, [1, 'x'], { a: { b: [] } }],
]

/** Puts something else into a JSON document so many times: a value, a member, an element. */
export function mutateJson(json: string, times: number, random: Random): string {
  let document: unknown = JSON.parse(json)
  for (let time = 0; time < times; time++) document = changed(document, random)
  return JSON.stringify(document)
}

function changed(value: unknown, random: Random): unknown {
  const isDeep = typeof value === 'object' && value !== null && random.below(6) > 0
  if (!isDeep) return random.pick(strange)
  if (Array.isArray(value)) return value.length === 0 ? [random.pick(strange)] : changedList(value, random)
  const names = Object.keys(value)
  if (names.length === 0) return { x: random.pick(strange) }
  const name = random.pick(names)
  const { [name]: member, ...rest } = value as Record<string, unknown>
  return random.below(6) === 0 ? rest : { ...value, [name]: changed(member, random) }
}

function changedList(list: readonly unknown[], random: Random): unknown[] {
  const at = random.below(list.length)
  if (random.below(6) === 0) return [...list, list[at]]
  return list.with(at, changed(list[at], random))
}
