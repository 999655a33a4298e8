/** A pipe that is read into buffers that are used again: nothing is lost, mixed up, or overwritten before it was given back. */
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makePipes } from '../../src/linux/files/fifo.ts'
import { headroom, type Piece, readPipe } from '../../src/linux/files/pipe-reader.ts'

/** Lines with their numbers, so that every byte tells where it belongs. */
const lines = 300_000
const whole = Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join('')

test('keeps what was not given back, while it is paused and resumed', async () => {
  const [pipe = { reader: -1, writer: -1 }] = await makePipes(1)
  spawn('seq', [String(lines)], { stdio: ['ignore', pipe.writer, 'ignore'] })
  closeSync(pipe.writer)
  const reader = readPipe(pipe.reader)
  const held: Piece[] = []
  let text = ''
  let pieces = 0
  const give = () => {
    for (const piece of held.splice(0)) {
      text += piece.buffer.toString('latin1', piece.start, piece.end)
      // Whoever has it may write before it and over it, up to its end.
      piece.buffer.fill(0x21, piece.start - headroom, piece.end)
      piece.release()
    }
  }
  reader.begin(piece => {
    held.push(piece)
    pieces++
    if (held.length < 4) return
    reader.pause()
    setImmediate(() => {
      give()
      reader.resume()
    })
  })
  await reader.ended
  give()
  expect(pieces).toBeGreaterThan(10)
  expect(text === whole).toBe(true)
})

test('ends when it is destroyed, and leaves the writer without a reader', async () => {
  const [pipe = { reader: -1, writer: -1 }] = await makePipes(1)
  const child = spawn('yes', { stdio: ['ignore', pipe.writer, 'ignore'] })
  closeSync(pipe.writer)
  const reader = readPipe(pipe.reader)
  reader.begin(piece => {
    piece.release()
    reader.destroy()
  })
  await reader.ended
  const signal = await new Promise(resolve => child.once('exit', (_, name) => resolve(name)))
  expect(signal).toBe('SIGPIPE')
})
