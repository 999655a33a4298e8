/**
 * The elements of a JSON list as its bytes come (RFC 8259): each is parsed by itself, so that neither the memory nor the time of one
 * step grows with the length of the list. Only brackets, strings and commas are looked at; what is no JSON fails when it is parsed.
 */

/** Bytes of one element. */
const maximumElement = 1024 * 1024

const [quote, backslash, comma, blank] = [0x22, 0x5c, 0x2c, 0x20]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Takes the bytes of a list. */
export interface ListReader {
  /** @throws Error when it is no JSON, or an element is too long */
  take(bytes: Buffer): void
  /** @throws Error when it is no JSON, or has not ended */
  end(): void
}

/** Reads a list, and hands over each object in it; a document that is no list has none. */
export function readList(onObject: (object: object) => void): ListReader {
  return new ElementReader(onObject)
}

class ElementReader implements ListReader {
  readonly #onObject: (object: object) => void
  #place: 'before' | 'inside' | 'behind' | 'elsewhere' = 'before'
  #depth = 0
  #inString = false
  #isEscaped = false
  #kept: Buffer[] = []
  #size = 0

  constructor(onObject: (object: object) => void) {
    this.#onObject = onObject
  }

  take(bytes: Buffer): void {
    let rest = this.#place === 'before' ? this.#begin(bytes) : bytes
    if (this.#place === 'inside') rest = rest.subarray(this.#takeInside(rest))
    if (this.#place === 'elsewhere') this.#keep(rest)
    else if (this.#place === 'behind' && rest.some(byte => byte > blank))
      throw new Error('something stands behind the list')
  }

  end(): void {
    if (this.#place === 'elsewhere') this.#parse()
    else if (this.#place !== 'behind') throw new Error('the list does not end')
  }

  /** Finds out whether it is a list; what follows its bracket, or all of another document. */
  #begin(bytes: Buffer): Buffer {
    const first = bytes.findIndex(byte => byte > blank)
    if (first === -1) return bytes.subarray(bytes.length)
    this.#place = bytes[first] === openList ? 'inside' : 'elsewhere'
    return bytes.subarray(this.#place === 'inside' ? first + 1 : first)
  }

  /** Bytes within the brackets of the list; how many they were. */
  #takeInside(bytes: Buffer): number {
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (this.#inString) this.#stepInString(byte)
      else if (this.#isBetween(byte)) {
        this.#keep(bytes.subarray(from, at))
        from = at + 1
        if (byte > blank) this.#finish()
        if (this.#place === 'behind') return from
      }
    }
    this.#keep(bytes.subarray(from))
    return bytes.length
  }

  #stepInString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === backslash) this.#isEscaped = true
    else if (byte === quote) this.#inString = false
  }

  /** Takes a byte that is in no string; whether it stands between elements, and not in one. */
  #isBetween(byte: number): boolean {
    if (byte === quote) this.#inString = true
    else if (byte === openObject || byte === openList) this.#depth++
    else if (this.#depth > 0) this.#depth -= byte === closeObject || byte === closeList ? 1 : 0
    else if (byte === comma) return true
    else if (byte === closeList) {
      this.#place = 'behind'
      return true
    } else return byte <= blank && this.#size === 0
    return false
  }

  #keep(bytes: Buffer): void {
    this.#size += bytes.length
    if (this.#size > maximumElement) throw new Error('an element of the list is too long')
    if (bytes.length > 0) this.#kept.push(bytes)
  }

  #finish(): void {
    const element = this.#size > 0 ? this.#parse() : undefined
    if (typeof element === 'object' && element !== null) this.#onObject(element)
  }

  #parse(): unknown {
    const text = Buffer.concat(this.#kept).toString()
    this.#kept = []
    this.#size = 0
    return JSON.parse(text)
  }
}
