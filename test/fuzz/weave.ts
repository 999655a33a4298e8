/**
 * Streams that are woven: whatever a source sends, in pieces of any size, what was whole comes out in the order of its
 * time, can be read, and is not other than it was; no memory is kept.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sectionHeaderBlock, withInterfaceName } from '../../src/pcapng/block.ts'
import { openLane } from '../../src/pcapng/lane.ts'
import { merge, type Strand } from '../../src/pcapng/merge.ts'
import { pcapngReader } from '../../src/pcapng/read.ts'
import { capturedBytes } from '../../src/pcapng/records.ts'
import { makeSlab, slabPool } from '../../src/pcapng/slab.ts'
import { nanosecondsOf } from '../../src/pcapng/time.ts'
import { pieces, randomFrom } from '../helpers/random.ts'
import { sources } from './corpus.ts'
import { mutate } from './mutate.ts'
import { type FuzzTarget, target } from './target.ts'

/** Milliseconds since 1970: soon after the packets of the corpus, so that a double holds each of their times. */
const now = Date.UTC(2026, 10, 22)
const day = 86_400_000_000_000n

/** One for all cases: none keeps anything of it. */
const pool = slabPool()
const outlet = { slab: makeSlab(4_096), fill: 0 }

interface Woven {
  readonly bytes: Buffer
  readonly packets: number
  readonly refusals: readonly (string | undefined)[]
}

function woven(streams: readonly (readonly Buffer[])[], decorated: boolean): Woven {
  const written: Buffer[] = [sectionHeaderBlock('fuzz', '')]
  let interfaces = 0
  const refusals: (string | undefined)[] = []
  const strands = streams.map((chunks, number): Strand => {
    const lane = openLane({
      pool,
      describe: block => {
        written.push(withInterfaceName(block, `source${number}`))
        return interfaces++
      },
    })
    try {
      for (const chunk of chunks) lane.push(chunk)
      refusals.push(undefined)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      refusals.push(error.message)
    }
    lane.end()
    const decorate: Strand['decorate'] = decorated ? (_, __, added) => Object.assign(added, { flags: 1 }) : undefined
    return { lane, decorate, packets: 0, lost: 0, late: 0, high: 0, low: 0 }
  })
  outlet.fill = 0
  const options = { pool, window: 300, hold: false, now, left: Infinity, high: 0, low: 0 }
  for (let end: ReturnType<typeof merge> = 'full'; end === 'full'; ) {
    end = merge(strands, outlet, options)
    assert.ok(end !== 'full' || outlet.fill > 0, 'nothing fits')
    written.push(Buffer.from(outlet.slab.bytes.subarray(0, outlet.fill * 4)))
    outlet.fill = 0
  }
  for (const { lane } of strands) written.push(...lane.statistics)
  for (const { lane } of strands) {
    assert.equal(lane.queued, 0)
    lane.close()
  }
  assert.equal(pool.used(), 0)
  return { bytes: Buffer.concat(written), packets: strands.reduce((sum, { packets }) => sum + packets, 0), refusals }
}

/** Packets as far as a stream can be read: their time, and their bytes. */
function packetsIn(bytes: Buffer): { packets: string[]; times: bigint[]; refusal: string | undefined } {
  const packets: string[] = []
  const times: bigint[] = []
  try {
    for (const record of pcapngReader().push(bytes)) {
      if (record.kind !== 'packet') continue
      const time = record.time === undefined ? 0n : nanosecondsOf(record.time)
      times.push(time)
      packets.push(`${time} ${record.original} ${capturedBytes(record).toString('latin1')}`)
    }
    return { packets, times, refusal: undefined }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { packets, times, refusal: error.message }
  }
}

const input = fc.record({
  files: fc.array(fc.nat(sources.length - 1), { minLength: 1, maxLength: 3 }),
  damages: fc.nat(3),
  longest: fc.constantFrom(2, 40, 300),
  decorated: fc.boolean(),
  seed: fc.integer(),
})

const streams = target('streams that are woven', 80_000, input, ({ files, damages, longest, decorated, seed }) => {
  const random = randomFrom(seed)
  const sent = files.map(file => mutate(sources[file] as Buffer, damages, random, sources))
  const whole = woven(
    sent.map(bytes => [bytes]),
    decorated,
  )
  const parts = woven(
    sent.map(bytes => pieces(bytes, longest, random)),
    decorated,
  )
  assert.deepEqual(
    { ...parts, bytes: parts.bytes.toString('latin1') },
    { ...whole, bytes: whole.bytes.toString('latin1') },
  )
  // What a lane lets through without a look (options of a packet) may still be wrong in itself.
  const read = sent.map(packetsIn)
  if (whole.refusals.some(refusal => refusal !== undefined) || read.some(({ refusal }) => refusal !== undefined)) return
  const out = packetsIn(whole.bytes)
  assert.equal(out.refusal, undefined)
  assert.equal(whole.packets, out.packets.length)
  assert.deepEqual(out.packets.toSorted(), read.flatMap(({ packets }) => packets).toSorted())
  if (read.every(({ times }) => isSorted(times) && times.every(isRecent))) assert.ok(isSorted(out.times))
})

function isSorted(times: readonly bigint[]): boolean {
  return times.every((time, at) => time >= (times[at - 1] ?? 0n))
}

/** Packets of another time do not wait for their turn: a clock was set. */
function isRecent(time: bigint): boolean {
  const age = BigInt(now) * 1_000_000n - time
  return age > 0n && age < 2n * day
}

export const weaveTargets: readonly FuzzTarget[] = [streams]
