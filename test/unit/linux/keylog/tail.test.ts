/** A key log as it grows, and what its owner may do to it. */
import {
  appendFileSync,
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type KeylogTail, tailKeylog } from '../../../../src/linux/keylog/tail.ts'
import { keyLine, keyNumbers } from '../../../helpers/key-lines.ts'
import { scratch } from '../../../helpers/scratch.ts'

const mebibyte = 1024 * 1024
const tails: KeylogTail[] = []
afterEach(() => {
  for (const tail of tails.splice(0)) tail.close()
})

/** A file in which something stands, and its tail; the clock stands still unless it is told to go on. */
function follow(text: string | Buffer = '') {
  const path = join(scratch(), 'keys')
  writeFileSync(path, text)
  let time = 0
  const tail = tailKeylog(openSync(path, constants.O_RDONLY), Buffer.alloc(256 * 1024), 0, () => time)
  tails.push(tail)
  const all = () => {
    const parts: Buffer[] = []
    for (let bytes = 1; bytes > 0; ) {
      const found = tail.read(mebibyte)
      parts.push(found.keys)
      bytes = found.bytes
    }
    return keyNumbers(Buffer.concat(parts))
  }
  return {
    path,
    tail,
    all,
    wait(milliseconds: number) {
      time += milliseconds
    },
  }
}

describe('a growing file', () => {
  test('gives every line once, whole, however it is written and read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 300 }),
        (pieces, limit) => {
          const text = Array.from({ length: 20 }, (_, index) => `${keyLine(index)}# ${index}\n`).join('')
          const { path, tail, all } = follow()
          const found: number[] = []
          let at = 0
          for (const piece of pieces) {
            appendFileSync(path, text.slice(at, at + piece))
            at += piece
            found.push(...keyNumbers(tail.read(limit).keys))
          }
          appendFileSync(path, text.slice(at))
          found.push(...all())
          expect(found).toEqual(Array.from({ length: 20 }, (_, index) => index))
        },
      ),
      { numRuns: 50 },
    )
  })

  test('that is cut off is read from its start', () => {
    const { path, all } = follow(keyLine(1) + keyLine(2))
    expect(all()).toEqual([1, 2])
    truncateSync(path, 0)
    expect(all()).toEqual([])
    appendFileSync(path, keyLine(3))
    expect(all()).toEqual([3])
    writeFileSync(path, keyLine(4).slice(0, 50))
    expect(all()).toEqual([])
    appendFileSync(path, keyLine(4).slice(50))
    expect(all()).toEqual([4])
  })

  test('goes on where it was left', () => {
    const { path, tail, all } = follow(keyLine(1) + keyLine(2).slice(0, 20))
    expect(all()).toEqual([1])
    appendFileSync(path, keyLine(2).slice(20))
    const next = tailKeylog(openSync(path, constants.O_RDONLY), Buffer.alloc(1_000), tail.position())
    tails.push(next)
    expect(keyNumbers(next.read(mebibyte).keys)).toEqual([2])
  })
})

describe('bounds', () => {
  test('only the last 4 MiB of a file that is there are read, from the start of a line', () => {
    const lines = Math.ceil((5 * mebibyte) / keyLine(0).length)
    const { tail, all } = follow(Array.from({ length: lines }, (_, index) => keyLine(index)).join(''))
    const found = all()
    expect(found.at(-1)).toBe(lines - 1)
    expect(found[0]).toBe(lines - found.length)
    expect(found.length).toBe(Math.floor((4 * mebibyte) / keyLine(0).length))
    expect(tail.skipped()).toBe(0)
  })

  test('10 GiB of nothing hide no key behind them', () => {
    const { path, tail, all } = follow()
    truncateSync(path, 10 * 1024 * mebibyte)
    expect(all()).toEqual([])
    expect(tail.skipped()).toBe(10 * 1024 * mebibyte - 4 * mebibyte)
  })

  test('a line without an end is passed over, the next one is read', () => {
    const { path, all } = follow('x'.repeat(300_000))
    expect(all()).toEqual([])
    appendFileSync(path, `${keyLine(1)}${keyLine(2)}`)
    expect(all()).toEqual([2])
  })

  test('more than 1 MiB a second is not read, and the oldest is passed over', () => {
    const { path, tail, all, wait } = follow('#'.repeat(4 * mebibyte))
    all()
    const file = openSync(path, constants.O_WRONLY | constants.O_APPEND)
    writeSync(file, Buffer.alloc(2 * mebibyte, '#\n'))
    expect(tail.read(mebibyte).bytes).toBe(0)
    wait(500)
    let read = 0
    for (let bytes = 1; bytes > 0; read += bytes) bytes = tail.read(mebibyte).bytes
    expect(read).toBe(mebibyte / 2)
    expect(tail.skipped()).toBe(0)
    writeSync(file, Buffer.alloc(4 * mebibyte, '#\n'))
    writeSync(file, keyLine(7))
    wait(60_000)
    expect(all()).toEqual([7])
    expect(tail.skipped()).toBe(1.5 * mebibyte + keyLine(7).length)
    ftruncateSync(file, 0)
    writeSync(file, keyLine(8))
    closeSync(file)
    wait(1_000)
    expect(all()).toEqual([8])
  })
})
