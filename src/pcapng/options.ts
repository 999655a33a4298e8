/**
 * Options of pcapng blocks (draft-ietf-opsawg-pcapng §3.5), and the numbers and texts in them, in the byte order of
 * their section. This runs for every packet: no generator, no closure, no object an option.
 */

/** Bytes with the byte order they are to be read in. */
export interface Source {
  readonly bytes: Buffer
  readonly view: DataView
  readonly little: boolean
  /** What could not be used of the block that is being read, though the rest of it could. */
  damage: string | undefined
}

/** Bytes to be read; nothing is copied. */
export function makeSource(bytes: Buffer, little: boolean): Source {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), little, damage: undefined }
}

/** A record while it is being read. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

/** @throws RangeError when a block ends before its fixed part does */
export function checkFixedPart(what: string, start: number, size: number, end: number): void {
  if (start + size > end) throw new RangeError(`${what} is shorter than its fixed part`)
}

/** Takes one option into what is being read; what it does not know it lets be. */
export type TakeOption<T> = (target: T, code: number, source: Source, at: number, length: number) => void

/**
 * Reads options up to their end, or the end of the block; one that runs past it is noted as the damage of the source.
 * @returns where the next thing is
 */
export function readOptions<T>(source: Source, start: number, end: number, target: T, take: TakeOption<T>): number {
  let at = start
  while (at < end) {
    const code = at + 4 > end ? 0 : read16(source, at)
    if (code === 0) return at + 4
    const length = read16(source, at + 2)
    if (at + 4 + length > end) {
      source.damage = `option ${code} of ${length} bytes runs past its block`
      return end
    }
    take(target, code, source, at + 4, length)
    at += 4 + padded(length)
  }
  return end
}

/** A length with the padding to 32 bits that follows. */
export function padded(length: number): number {
  return length + (-length & 3)
}

/** 16 bits without a sign. */
export function read16({ view, little }: Source, at: number): number {
  return view.getUint16(at, little)
}

/** 32 bits without a sign. */
export function read32({ view, little }: Source, at: number): number {
  return view.getUint32(at, little)
}

/** 64 bits as a number, exact up to 2^53. */
export function read64({ view, little }: Source, at: number): number {
  return view.getUint32(little ? at + 4 : at, little) * 0x100000000 + view.getUint32(little ? at : at + 4, little)
}

/** 64 bits, exact: a bigint where a number would not do. */
export function readExact64(source: Source, at: number): number | bigint {
  const number = read64(source, at)
  return number <= Number.MAX_SAFE_INTEGER ? number : source.view.getBigUint64(at, source.little)
}

/** A counter of 64 bits; undefined when all of them are set, by which Wireshark means that it is not known. */
export function readCounter(source: Source, at: number, length: number): number | undefined {
  if (length !== 8) return undefined
  const number = read64(source, at)
  return number === 2 ** 64 ? undefined : number
}

/** A text in UTF-8, without the zero bytes some writers end it with. */
export function readText({ bytes }: Source, at: number, length: number): string {
  let end = at + length
  while (end > at && bytes[end - 1] === 0) end--
  return bytes.toString('utf8', at, end)
}
