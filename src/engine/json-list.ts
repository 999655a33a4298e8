/**
 * The elements of a JSON list as its bytes come (RFC 8259): each is parsed by itself, so that neither the memory nor the time of
 * one step grows with the length of the list. Only brackets and strings are looked at; an element that is no JSON fails when it is parsed.
 */

/** Bytes of one element. */
const maximumElement = 1024 * 1024

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Takes the bytes of a list. */
export interface ListReader {
  /** @throws Error when it is no list of objects, or one is too long */
  take(bytes: Buffer): void
  /** @throws Error when the list has not ended */
  end(): void
}

/** Reads a list of objects, and hands each over when it has ended; `null` is an empty list, as some engines write it. */
export function readList(onElement: (element: unknown) => void): ListReader {
  let depth = 0
  let inString = false
  let isEscaped = false
  let isOver = false
  let around = ''
  let kept: Buffer[] = []
  let size = 0
  const keep = (bytes: Buffer) => {
    size += bytes.length
    if (size > maximumElement) throw new Error('an element of the list is too long')
    kept.push(bytes)
  }
  const finish = () => {
    onElement(JSON.parse(Buffer.concat(kept).toString()))
    kept = []
    size = 0
  }
  /** A byte outside of the elements: the brackets of the list, commas, blanks. */
  const outside = (byte: number) => {
    if (around.length > 64) throw new Error('the answer is no list of objects')
    if (byte === openList && around === '') around = '['
    else if (byte === closeList && around === '[') isOver = true
    else if (byte > 0x20 && !(byte === comma && around === '[')) around += String.fromCharCode(byte)
  }
  return {
    take(bytes) {
      let from = 0
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at] as number
        if (inString) {
          if (isEscaped) isEscaped = false
          else if (byte === backslash) isEscaped = true
          else if (byte === quote) inString = false
        } else if (depth > 0) {
          if (byte === quote) inString = true
          else if (byte === openObject || byte === openList) depth++
          else if ((byte === closeObject || byte === closeList) && --depth === 0) {
            keep(bytes.subarray(from, at + 1))
            finish()
          }
        } else if (byte === openObject && around === '[') {
          depth = 1
          from = at
        } else outside(byte)
      }
      if (depth > 0) keep(bytes.subarray(from))
    },
    end() {
      if (!isOver && around !== 'null') throw new Error(`the answer is no list: ${around.slice(0, 20)}`)
    },
  }
}
