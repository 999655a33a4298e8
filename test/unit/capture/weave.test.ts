import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { weaveInto } from '../../../src/capture/weave.ts'
import { blockSplitter, blockType, interfaceNumber, packetData } from '../../../src/pcapng/stream.ts'
import { description, packet, statistics } from '../../helpers/blocks.ts'

/** What is woven, as blocks. */
function memory() {
  const chunks: Buffer[] = []
  return {
    sink: { write: async (bytes: Buffer) => void chunks.push(Buffer.from(bytes)), close() {} },
    blocks: () => blockSplitter().push(Buffer.concat(chunks)),
  }
}

/** A source: two interfaces, packets by time, in chunks that break blocks. */
function source(...packets: [nif: number, time: bigint, data: string][]): Readable {
  const bytes = Buffer.concat([
    ...[description(9), description(9)],
    ...packets.map(([nif, time, data]) => packet(nif, time, data)),
    ...[statistics(0), statistics(1)],
  ])
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / 17) }, (_, at) => bytes.subarray(at * 17, at * 17 + 17)),
  )
}

describe('sources become one section', () => {
  test('with interface numbers of their own, one header, and statistics at their ends', async () => {
    const { sink, blocks } = memory()
    const weave = weaveInto(sink)
    await weave.begin('about', [{ address: '10.0.0.1', name: 'web' }])
    await weave.add(source([0, 1n, 'a'], [1, 2n, 'b']))
    await weave.begin('about', [])
    await weave.add(source([1, 3n, 'c']))
    const woven = blocks()
    expect(woven.map(blockType)).toEqual([0x0a0d0d0a, 4, 1, 1, 6, 6, 5, 5, 1, 1, 6, 5, 5])
    const numbered = woven.filter(block => [5, 6].includes(blockType(block))).map(interfaceNumber)
    expect(numbered).toEqual([0, 1, 0, 1, 3, 2, 3])
    expect(weave.written().packets).toBe(3)
    expect(weave.lastTime()).toBe(3n)
  })

  test('only what is accepted, with the comment on the first of it', async () => {
    const { sink, blocks } = memory()
    const strand = { accept: (time: bigint) => time >= 2n, comment: (time: bigint) => `from ${time} on` }
    await weaveInto(sink).add(source([0, 1n, 'a'], [0, 2n, 'b'], [0, 3n, 'c']), strand)
    const packets = blocks().filter(block => blockType(block) === 6)
    expect(packets.map(block => packetData(block).toString())).toEqual(['b', 'c'])
    expect(packets.map(block => block.includes('from 2 on'))).toEqual([true, false])
  })

  test('up to a number of packets; the statistics still come', async () => {
    const { sink, blocks } = memory()
    let enough = 0
    const weave = weaveInto(sink, { packets: 2 }, () => enough++)
    await weave.add(source([0, 1n, 'a'], [0, 2n, 'b'], [0, 3n, 'c']))
    expect(blocks().map(blockType)).toEqual([1, 1, 6, 6, 5, 5])
    expect(enough).toBe(1)
  })

  test('a reader that goes ends it; what is no pcapng is refused', async () => {
    const gone = { write: async () => Promise.reject(Object.assign(new Error('gone'), { code: 'EPIPE' })), close() {} }
    expect(await weaveInto(gone).add(source([0, 1n, 'a']))).toBe('reader-gone')
    const { sink } = memory()
    await expect(weaveInto(sink).add(Readable.from([Buffer.alloc(64, 7)]))).rejects.toThrow(RangeError)
    await expect(weaveInto(sink).add(Readable.from([packet(0, 1n, 'a')]))).rejects.toThrow(/not described/)
  })
})
