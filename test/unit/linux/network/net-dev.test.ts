/** Samples of /proc/net/dev as kernels print them, and what is none. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openProcessNamespace } from '../../../../src/linux/namespace/netns.ts'
import {
  parseDeviceCounters,
  readDeviceCounters,
  readNamespaceCounters,
} from '../../../../src/linux/network/net-dev.ts'
import { scratch } from '../../../helpers/scratch.ts'

const headings = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`
/** Linux 6.18: a host. */
const host = `${headings}    lo: 137476326751 13497483    0    0    0     0          0         0 137476326751 13497483    0    0    0     0       0          0
  ifb0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0: 4083924218  112084    0    5    0     0          0         0  9831646   79940    0    0    0     0       0          0
`
/** Older kernels left no space behind the colon of a wide number. */
const narrow = `${headings}br-1234567890ab:4083924218  112084    0    0    0     0          0         7  9831646   79940    0    0    0     0       0          0
`

function procWith(text: string): string {
  const proc = scratch()
  mkdirSync(join(proc, '7/net'), { recursive: true })
  writeFileSync(join(proc, '7/net/dev'), text)
  return proc
}

test('the counters of every interface are read', () => {
  expect([...(readDeviceCounters(7, procWith(host)) ?? [])]).toEqual([
    ['lo', { rxBytes: 137476326751, rxPackets: 13497483, txBytes: 137476326751, txPackets: 13497483 }],
    ['ifb0', { rxBytes: 0, rxPackets: 0, txBytes: 0, txPackets: 0 }],
    ['eth0', { rxBytes: 4083924218, rxPackets: 112084, txBytes: 9831646, txPackets: 79940 }],
  ])
  expect(parseDeviceCounters(narrow).get('br-1234567890ab')).toMatchObject({ rxPackets: 112084, txPackets: 79940 })
})

test('a process that has ended has none', () => {
  expect(readDeviceCounters(8, procWith(host))).toBeUndefined()
})

test('a namespace without end is read up to a limit', () => {
  const line = host.split('\n')[2] ?? ''
  const lines = Array.from({ length: 20_000 }, (_, index) => line.replace('    lo', `v${index}`))
  const counters = readDeviceCounters(7, procWith(`${headings}${lines.join('\n')}\n`))
  expect(counters?.size).toBeGreaterThan(2_000)
  expect(counters?.size).toBeLessThan(6_000)
  expect([...(counters?.values() ?? [])].every(({ rxPackets }) => rxPackets === 13497483)).toBe(true)
})

test('whatever a name is made of, it is the name', () => {
  const name = fc.string({ minLength: 1, maxLength: 15, unit: 'grapheme' }).filter(text => !/[\s:/]/.test(text))
  const count = fc.nat()
  fc.assert(
    fc.property(name, count, count, (name, received, sent) => {
      const line = `${name.padStart(6)}: 1 ${received} 0 0 0 0 0 0 2 ${sent} 0 0 0 0 0 0`
      expect([...parseDeviceCounters(`${headings}${line}\n`)]).toEqual([
        [name, { rxBytes: 1, rxPackets: received, txBytes: 2, txPackets: sent }],
      ])
    }),
  )
})

test.each([
  '',
  'x',
  `${headings}`,
  `${headings}eth0: 1 2 3`,
  `${headings}eth0: ${'x '.repeat(16)}\n`,
  `${headings}:\n`,
])('%j holds nothing', text => {
  expect(parseDeviceCounters(text).size).toBe(0)
})

test('those of this process are those of its namespace', async () => {
  const own = openProcessNamespace(process.pid)
  try {
    const [direct, counters] = [readDeviceCounters('self'), await readNamespaceCounters(own)]
    expect([...counters.keys()]).toEqual([...(direct?.keys() ?? [])])
    expect(counters.has('lo')).toBe(true)
  } finally {
    own.close()
  }
})
