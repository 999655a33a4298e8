import { expect, test } from 'vitest'
import { captureInfo } from '../../../../src/cli/render/info.ts'
import { delay } from '../../../../src/cli/render/quantity.ts'
import type { CaptureSummary } from '../../../../src/inspect/model.ts'

const web = {
  ...{ section: 0, number: 0, name: 'web/eth0', description: 'docker web', linkType: 1, linkTypeName: 'ETHERNET' },
  ...{ snaplen: 96, filter: 'tcp port 80', packets: 1_200, bytes: 1_000, originalBytes: 5_000 },
  ...{ first: '2026-11-21T05:56:09.100000200Z', last: '2026-11-21T05:57:09.000001000Z' },
  ...{ directions: { in: 700, out: 499, unknown: 1 }, statistics: 2, received: 1_210, dropped: 10, missing: 3 },
}
const peer = {
  ...{ section: 0, number: 1, name: 'web/eth0@veth1\x1b[31m', linkType: 276, linkTypeName: 'LINUX_SLL2', snaplen: 0 },
  ...{ packets: 0, bytes: 0, originalBytes: 0, directions: { in: 0, out: 0, unknown: 0 }, statistics: 0, missing: 0 },
}

const full: CaptureSummary = {
  ...{ file: 'web.pcapng', bytes: 4_000, moreSections: 2, moreInterfaces: 1, names: 12, outOfOrder: 1_234 },
  sections: [{ byteOrder: 'LE', application: 'remora 1', comments: ['by\nhand'] }],
  ...{ target: '---\n# capture target information\nname: "\x1b"\n', context: '---\n# remora context\n' },
  interfaces: [web, peer],
  totals: { packets: 1_200, bytes: 1_000, originalBytes: 5_000, first: web.first, last: web.last },
  secrets: { blocks: 2, bytes: 2_048 },
  gaps: { list: [{ time: '2026-11-21T05:56:10.100000200Z', interface: 0, missing: 3 }], more: 4 },
  comments: { list: [{ interface: undefined, text: 'a new life' }], more: 0 },
  skipped: { list: [50, 70].map(at => ({ at, reason: 'interface 3 is not described' })), more: 4 },
  points: [
    { from: 0, to: 1, packets: 1_000, delay: { min: 850, p50: 1_234, p99: 99_900, max: 2_500_000_000 }, onlyAtFrom: 7 },
    { from: 1, to: 0, packets: 0, onlyAtFrom: 0 },
  ],
  ...{ cutOff: { bytes: 17 }, broken: { at: 100, reason: 'at byte 100: option 1 of 5 bytes runs past its block' } },
}

test('everything a file can tell', () => {
  expect(captureInfo(full)).toBe(`web.pcapng
  packets  1,200 in 59.900001 s
  bytes    4.9 KiB, 1000 B of them captured
  first    2026-11-21T05:56:09.100000200Z
  last     2026-11-21T05:57:09.000001000Z
  lost     10 by the kernel, 3 on their way into the file, not told for one interface
  order    1,234 packets stand behind later ones
  names    12
  keys     2.0 KiB of secrets to decrypt with
  by       remora 1; 2 more sections
  skipped  what could not be used: interface 3 is not described, at byte 50; and 5 more, which --json tells
  cut off  in the middle of a block, after 17 bytes of it
  BROKEN   at byte 100: option 1 of 5 bytes runs past its block; what follows could not be read

NO  INTERFACE            LINK        PACKETS  BYTES    IN   OUT  RECEIVED  DROPPED  MISSING  FIRST     LAST       DETAILS
0   web/eth0             ETHERNET    1,200    4.9 KiB  700  499  1,210     10       3        0.000000  59.900001  docker web; filter: tcp port 80; first 96 bytes; 1 of unknown direction; statistics: 2
1   web/eth0@veth1\uFFFD[31m  LINUX_SLL2  0        0 B      0    0
and 1 more interfaces

FROM                 TO                   PACKETS  MIN     P50      P99      MAX     NEVER CAME
web/eth0             web/eth0@veth1\uFFFD[31m  1,000    850 ns  1.23 us  99.9 us  2.50 s  7
web/eth0@veth1\uFFFD[31m  web/eth0             0                                          0

AT        INTERFACE  MISSING BEFORE
1.000000  web/eth0   3
and 4 more like these

AT  INTERFACE  COMMENT
               a new life

Target
  ---
  # capture target information
  name: "\uFFFD"

Context
  ---
  # remora context

Comment
  by
  hand
`)
})

test('what a file does not tell is left out', () => {
  const nothing = { packets: 0, bytes: 0, originalBytes: 0 }
  const empty: CaptureSummary = {
    ...{
      file: '-',
      bytes: 28,
      sections: [],
      moreSections: 0,
      interfaces: [],
      moreInterfaces: 0,
      outOfOrder: 0,
      totals: nothing,
    },
    ...{
      names: 0,
      secrets: { blocks: 0, bytes: 0 },
      gaps: { list: [], more: 0 },
      comments: { list: [], more: 0 },
      skipped: { list: [], more: 0 },
    },
    points: [],
  }
  expect(captureInfo(empty)).toBe('standard input\n  packets  0\n  bytes    0 B\n')
})

test.each([
  [0, '0 ns'],
  [999, '999 ns'],
  [1_000, '1.00 us'],
  [12_345, '12.3 us'],
  [123_456, '123 us'],
  [1_000_000, '1.00 ms'],
  [1_500_000_000, '1.50 s'],
])('a delay of %d ns is %s', (nanoseconds, told) => {
  expect(delay(nanoseconds)).toBe(told)
})
