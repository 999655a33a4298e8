import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inspectCapture } from '../../../src/inspect/capture-file.ts'
import { blocksIn, text } from '../../helpers/pcapng-builder.ts'
import { scratch } from '../../helpers/scratch.ts'

const { section, description, packet } = blocksIn('BE')
const good = Buffer.concat([section(), description(), packet({ data: text('12345') })])

function fileOf(content: Buffer | string): string {
  const path = join(scratch(), 'packets.pcapng')
  writeFileSync(path, content)
  return path
}

test('a good file is whole, however many chunks it has', async () => {
  const many = Buffer.concat([good, ...Array(60_000).fill(packet({ data: text('12345') }))])
  const summary = await inspectCapture(fileOf(many))
  expect(many.length).toBeGreaterThan(2 * 1024 * 1024)
  expect(summary).toMatchObject({ bytes: many.length, totals: { packets: 60_001 } })
  expect([summary.cutOff, summary.broken]).toEqual([undefined, undefined])
})

test('a file that is cut off tells so', async () => {
  expect(await inspectCapture(fileOf(Buffer.concat([good, good.subarray(0, 17)])))).toMatchObject({
    totals: { packets: 1 },
    cutOff: { bytes: 17 },
  })
  expect(await inspectCapture(fileOf(good.subarray(0, 5)))).toMatchObject({ sections: [], cutOff: { bytes: 5 } })
})

test('a file that is broken tells where, and what stands before', async () => {
  const wrong = Buffer.concat([packet({}).subarray(0, -4), Buffer.alloc(4)])
  const summary = await inspectCapture(fileOf(Buffer.concat([good, wrong, good])))
  expect(summary).toMatchObject({
    totals: { packets: 1 },
    broken: { at: good.length, reason: `at byte ${good.length}: block of type 6 has lengths 32 and 0` },
  })
  expect(summary.cutOff).toBeUndefined()
})

test('a block that is of no use is passed over, and told', async () => {
  const summary = await inspectCapture(fileOf(Buffer.concat([good, packet({ nif: 3 }), good])))
  expect(summary).toMatchObject({
    totals: { packets: 2 },
    skipped: { list: [{ at: good.length, reason: 'interface 3 is not described' }], more: 0 },
  })
  expect(summary.broken).toBeUndefined()
})

test.each<[string, Buffer | string, RegExp, RegExp]>([
  ['nothing', '', /packets.pcapng is empty$/, /remora capture/],
  ['gzip', Buffer.from('1f8b0800', 'hex'), /is compressed with gzip/, /gunzip -c .* \| remora info -/],
  ['zstd', Buffer.from('28b52ffd', 'hex'), /is compressed with zstd/, /zstd -dc/],
  ['two bytes', 'ab', /is no capture file of pcapng or pcap$/, /editcap/],
  ['a text', 'hello, this is a text', /is no capture file of pcapng or pcap$/, /editcap/],
  [
    'half a magic',
    Buffer.from('0a0d0d0a1c00000000000000', 'hex'),
    /is no capture file of pcapng or pcap: at byte 0: .*byte order/,
    /editcap/,
  ],
])('%s is refused', async (_, content, message, hint) => {
  await expect(inspectCapture(fileOf(content))).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  })
})

test('a file that is not there, is still being written, or is none', async () => {
  const folder = scratch()
  const path = join(folder, 'web.pcapng')
  const refused = (hint: RegExp) => ({ code: 'USAGE', hint: expect.stringMatching(hint) })
  await expect(inspectCapture(path)).rejects.toMatchObject(refused(/Name a capture file/))
  writeFileSync(`${path}.partial`, good)
  await expect(inspectCapture(path)).rejects.toMatchObject(refused(/still being written: remora info .*\.partial$/))
  mkdirSync(path)
  await expect(inspectCapture(path)).rejects.toMatchObject({ code: 'USAGE', message: `${path} is a directory` })
})

test('an aborted signal ends it', async () => {
  const reason = new Error('enough')
  await expect(inspectCapture(fileOf(good), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
