import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type WeaveOptions, weaveInto } from '../../../../src/capture/merged/merge.ts'
import { interfaceDescriptionBlock } from '../../../../src/pcapng/block.ts'
import { description, packet, sectionHeader, statistics } from '../../../helpers/blocks.ts'
import { blockType, interfaceNumber, packetData, packetOptions, splitBlocks } from '../../../helpers/split.ts'

/** What is woven, as blocks. */
function memory(write: (bytes: Buffer) => Promise<void> = async () => {}) {
  const chunks: Buffer[] = []
  const sink = {
    async write(bytes: Buffer) {
      await write(bytes)
      chunks.push(Buffer.from(bytes))
    },
    close() {},
  }
  return { sink, blocks: () => splitBlocks(Buffer.concat(chunks)) }
}

function weaving(options: Partial<WeaveOptions> = {}, write?: (bytes: Buffer) => Promise<void>) {
  const { sink, blocks } = memory(write)
  return { weave: weaveInto(sink, { window: 300, ...options }), blocks }
}

type Packets = [nif: number, time: bigint, data: string][]

/** A source: two interfaces, packets by time, in chunks that break blocks. */
function source(...packets: Packets): { stream: Readable } {
  const bytes = Buffer.concat([
    ...[description(9), description(9)],
    ...packets.map(([nif, time, data]) => packet(nif, time, data)),
    ...[statistics(0), statistics(1)],
  ])
  const chunks = Array.from({ length: Math.ceil(bytes.length / 17) }, (_, at) => bytes.subarray(at * 17, at * 17 + 17))
  return { stream: Readable.from(chunks) }
}

const datas = (blocks: readonly Buffer[]) =>
  blocks.filter(block => blockType(block) === 6).map(block => packetData(block).toString())

describe('sources become one section', () => {
  test('with interface numbers of their own, one header, and statistics at their ends', async () => {
    const { weave, blocks } = weaving()
    weave.add(sectionHeader())
    weave.addNames([{ address: '10.0.0.1', name: 'web' }])
    const first = weave.open(source([0, 1n, 'a'], [1, 2n, 'b']))
    await first.done
    expect(first.lastTime()).toBe(2n)
    await weave.open(source([1, 3n, 'c'])).done
    await weave.finish()
    const woven = blocks()
    expect(woven.map(blockType)).toEqual([0x0a0d0d0a, 4, 1, 1, 6, 6, 5, 5, 1, 1, 6, 5, 5])
    const numbered = woven.filter(block => [5, 6].includes(blockType(block))).map(interfaceNumber)
    expect(numbered).toEqual([0, 1, 0, 1, 3, 2, 3])
    expect(weave.written()).toMatchObject({ packets: 3, lost: 0, bytes: Buffer.concat(woven).length })
  })

  test('in the order of time, also those that come at once', async () => {
    const { weave, blocks } = weaving()
    const start = BigInt(Date.now() - 1_000) * 1_000_000n
    const at = (time: bigint) => start + time
    weave.open(source([0, at(1n), 'a'], [0, at(4n), 'd'], [0, at(5n), 'e']))
    weave.open(source([0, at(2n), 'b'], [1, at(3n), 'c'], [0, at(6n), 'f']))
    await weave.finish()
    expect(datas(blocks())).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('one that comes when all has ended is let go at once', async () => {
    const { weave } = weaving()
    weave.close()
    const stream = new Readable({ read() {} })
    await weave.open({ stream }).done
    expect(stream.destroyed).toBe(true)
  })

  test('one that never speaks or ends holds up nobody', async () => {
    const { weave, blocks } = weaving({ window: 20 })
    const dead = new Readable({ read() {} })
    weave.open({ stream: dead })
    weave.open(source([0, 1n, 'a']))
    const now = BigInt(Date.now()) * 1_000_000n
    weave.open(source([0, now, 'b']))
    await sleep(200)
    expect(datas(blocks())).toEqual(['a', 'b'])
    dead.destroy()
    await weave.finish()
  })

  test('only what is accepted, with the comment on the first of it', async () => {
    const { weave, blocks } = weaving()
    weave.open(source([0, 1n, 'a'], [0, 2n, 'b'], [0, 3n, 'c']), {
      accept: (words, at) => (words[at + 4] as number) >= 2,
      comment: time => `from ${time} on`,
    })
    await weave.finish()
    expect(datas(blocks())).toEqual(['b', 'c'])
    expect(blocks().map(block => block.includes('from 2 on'))).toContain(true)
  })

  test('up to a number of packets; the statistics still come', async () => {
    let enough = 0
    const { weave, blocks } = weaving({ stop: { packets: 2 }, onEnough: () => enough++ })
    weave.open(source([0, 1n, 'a'], [0, 2n, 'b'], [0, 3n, 'c']))
    await weave.finish()
    expect(blocks().map(blockType)).toEqual([1, 1, 6, 6, 5, 5])
    expect(enough).toBe(1)
  })

  test('also one that is pcap, with statistics that are told', async () => {
    const { weave, blocks } = weaving()
    const header = Buffer.alloc(24)
    header.writeUInt32LE(0xa1b23c4d, 0)
    header.writeUInt32LE(1, 20)
    const record = Buffer.from([7, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x78])
    const stream = new Readable({ read() {} })
    const describe = (linkType: number, snaplen: number) =>
      interfaceDescriptionBlock({ linkType, snaplen, name: 'web/eth0', description: '', filter: '', os: '' })
    const woven = weave.open({ stream }, { describe })
    stream.push(Buffer.concat([header, record]))
    woven.conclude({ received: 1, dropped: 5 })
    stream.push(null)
    await weave.finish()
    expect(blocks().map(blockType)).toEqual([1, 6, 5])
    expect(datas(blocks())).toEqual(['x'])
    expect(woven.lastTime()).toBe(7_000_000_009n)
  })
})

describe('a reader', () => {
  test('that goes ends it', async () => {
    const ends: unknown[] = []
    const gone = async () => Promise.reject(Object.assign(new Error('gone'), { code: 'EPIPE' }))
    const { weave } = weaving({ onEnd: failure => ends.push(failure) }, gone)
    await weave.open(source([0, 1n, 'a'])).done
    await weave.finish()
    expect(ends).toEqual([undefined])
  })

  test('that takes nothing costs packets, which the next one tells of, and never more memory', async () => {
    let open = () => {}
    const opened = new Promise<void>(resolve => {
      open = resolve
    })
    const { weave, blocks } = weaving({}, () => opened)
    const stream = new Readable({ read() {} })
    const one = weave.open({ stream })
    stream.push(description(9))
    const data = 'z'.repeat(30_000)
    for (let time = 1n; time <= 2_000n; time++) {
      stream.push(packet(0, time, data))
      if (time % 100n === 0n) await sleep(10)
      if (time === 1_000n) await sleep(1_200)
    }
    await sleep(300)
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(100_000_000)
    open()
    await sleep(100)
    stream.push(packet(0, 3_000n, 'the next'))
    stream.push(null)
    await weave.finish()
    const packets = blocks().filter(block => blockType(block) === 6)
    const told = packets.flatMap(block => packetOptions(block).filter(({ code }) => code === 4))
    const sum = told.reduce((all, { value }) => all + Number(value.readBigUInt64LE()), 0)
    expect(sum).toBeGreaterThan(500)
    expect(packets.length + sum).toBe(2_001)
    expect(one.lost()).toBe(sum)
    expect(weave.written()).toMatchObject({ packets: packets.length, lost: sum })
  })
})

describe('what is no pcapng', () => {
  test.each([
    ['noise', Buffer.alloc(64, 7)],
    ['a packet of an interface that was not described', packet(0, 1n, 'a')],
  ])('fails its source, not the others: %s', async (_, bytes) => {
    const { weave, blocks } = weaving()
    await expect(weave.open({ stream: Readable.from([bytes]) }).done).rejects.toThrow(RangeError)
    weave.open(source([0, 1n, 'a']))
    await weave.finish()
    expect(datas(blocks())).toEqual(['a'])
  })
})
