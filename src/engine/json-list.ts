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
  let place: 'before' | 'inside' | 'behind' | 'elsewhere' = 'before'
  let depth = 0
  let inString = false
  let isEscaped = false
  let kept: Buffer[] = []
  let size = 0
  const keep = (bytes: Buffer) => {
    size += bytes.length
    if (size > maximumElement) throw new Error('an element of the list is too long')
    if (bytes.length > 0) kept.push(bytes)
  }
  const parse = (): unknown => {
    const text = Buffer.concat(kept).toString()
    kept = []
    size = 0
    return JSON.parse(text)
  }
  const finish = () => {
    const element = size > 0 ? parse() : undefined
    if (typeof element === 'object' && element !== null) onObject(element)
  }
  /** A byte of the list that is in no string and no element of elements. */
  const step = (byte: number): 'element' | 'between' => {
    if (byte === quote) inString = true
    else if (byte === openObject || byte === openList) depth++
    else if (depth > 0) depth -= byte === closeObject || byte === closeList ? 1 : 0
    else if (byte === comma || byte === closeList) {
      if (byte === closeList) place = 'behind'
      return 'between'
    } else if (byte <= blank && size === 0) return 'between'
    return 'element'
  }
  /** Bytes within the brackets of the list; how many they were. */
  const takeInside = (bytes: Buffer): number => {
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (byte === backslash) isEscaped = true
        else if (byte === quote) inString = false
      } else if (step(byte) === 'between') {
        keep(bytes.subarray(from, at))
        from = at + 1
        if (byte > blank) finish()
        if (place === 'behind') return at + 1
      }
    }
    keep(bytes.subarray(from))
    return bytes.length
  }
  return {
    take(bytes) {
      let rest = bytes
      if (place === 'before') {
        const first = rest.findIndex(byte => byte > blank)
        if (first === -1) return
        place = rest[first] === openList ? 'inside' : 'elsewhere'
        rest = rest.subarray(place === 'inside' ? first + 1 : first)
      }
      if (place === 'inside') rest = rest.subarray(takeInside(rest))
      if (place === 'elsewhere') keep(rest)
      else if (place === 'behind' && rest.some(byte => byte > blank))
        throw new Error('something stands behind the list')
    },
    end() {
      if (place === 'elsewhere') parse()
      else if (place !== 'behind') throw new Error('the list does not end')
    },
  }
}
