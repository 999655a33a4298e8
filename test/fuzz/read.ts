/** Capture files: whatever stands in one is read the same in any pieces, refused with its place, and summed up. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { makeSummariser } from '../../src/inspect/summarise.ts'
import { packetCounter } from '../../src/pcapng/count.ts'
import { pcapReader } from '../../src/pcapng/pcap.ts'
import { pcapngReader } from '../../src/pcapng/read.ts'
import { capturedBytes, type PcapngRecord } from '../../src/pcapng/records.ts'
import { description } from '../helpers/blocks.ts'
import { pieces, randomFrom } from '../helpers/random.ts'
import { splitBlocks } from '../helpers/split.ts'
import { pcapFile, pcapngFiles } from './corpus.ts'
import { mutate } from './mutate.ts'
import { type FuzzTarget, target } from './target.ts'

interface Reading {
  /** All of them, and the summary, as text. */
  readonly told: string
  readonly packets: number
  readonly damages: number
  readonly position: number
  readonly pending: number
  readonly refusal: string | undefined
}

function exactly(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** A record in few words, with the bytes of a packet in place of where they stand. */
function textOf(record: PcapngRecord): string {
  if (record.kind !== 'packet') return JSON.stringify(record, exactly)
  const { source, start, ...rest } = record
  assert.ok(start + record.captured <= source.length)
  return JSON.stringify(rest, exactly) + capturedBytes(record).toString('latin1')
}

/** Reads in pieces, each overwritten once it has been read, as a reader of files does. */
function reading(chunks: readonly Buffer[]): Reading {
  const reader = pcapngReader()
  const summariser = makeSummariser()
  const records: string[] = []
  let packets = 0
  let damages = 0
  let refusal: string | undefined
  try {
    for (const chunk of chunks) {
      const copy = Buffer.from(chunk)
      for (const record of reader.push(copy)) {
        records.push(textOf(record))
        if (record.kind === 'packet') packets++
        if (record.kind === 'damage') damages++
        summariser.take(record)
      }
      copy.fill(0xee)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    refusal = error.message
  }
  records.push(JSON.stringify(summariser.result()))
  const told = records.join('\n')
  return { told, packets, damages, refusal, position: reader.position(), pending: reader.pending() }
}

const damaged = fc.record({
  file: fc.nat(pcapngFiles.length - 1),
  damages: fc.nat(5),
  longest: fc.constantFrom(2, 40, 100, 300, 700),
  seed: fc.integer(),
})

const files = target('capture files', 150_000, damaged, ({ file, damages, longest, seed }) => {
  const random = randomFrom(seed)
  const bytes = mutate(pcapngFiles[file] as Buffer, damages, random, pcapngFiles)
  const chunks = pieces(bytes, longest, random)
  const whole = reading([bytes])
  const { pending, ...parts } = reading(chunks)
  if (whole.refusal === undefined) {
    assert.equal(whole.position + whole.pending, bytes.length)
    assert.equal(pending, whole.pending)
  } else assert.ok(whole.refusal.startsWith(`at byte ${whole.position}: `))
  assert.deepEqual({ ...parts, pending: whole.pending }, whole)
  assert.ok(whole.told.length < 4_000 + 20 * bytes.length)
  const counter = packetCounter()
  for (const chunk of chunks) counter.push(chunk)
  // It looks at nothing but the frames of packets.
  const isClean = whole.refusal === undefined && whole.pending === 0 && whole.damages === 0
  if (isClean) assert.equal(counter.packets(), whole.packets)
})

/** What tcpdump writes, turned into pcapng. */
function converted(chunks: readonly Buffer[]): { blocks: string; refusal: string | undefined } {
  const taken: Buffer[] = []
  const read = pcapReader(
    () => description(9),
    blocks => taken.push(Buffer.from(blocks)),
  )
  let refusal: string | undefined
  try {
    for (const chunk of chunks) read(chunk)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    refusal = error.message
  }
  return { blocks: Buffer.concat(taken).toString('latin1'), refusal }
}

const pcap = fc.record({ damages: fc.nat(4), longest: fc.constantFrom(2, 40, 300), seed: fc.integer() })

const pcapFiles = target('files of tcpdump', 60_000, pcap, ({ damages, longest, seed }) => {
  const random = randomFrom(seed)
  const bytes = mutate(pcapFile, damages, random)
  const whole = converted([bytes])
  assert.deepEqual(converted(pieces(bytes, longest, random)), whole)
  const blocks = splitBlocks(Buffer.from(whole.blocks, 'latin1'))
  assert.equal(Buffer.concat(blocks).length, whole.blocks.length)
})

export const readTargets: readonly FuzzTarget[] = [files, pcapFiles]
