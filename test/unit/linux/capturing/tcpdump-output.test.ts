import { describe, expect, test } from 'vitest'
import { tcpdumpReader } from '../../../../src/linux/capturing/tcpdump-output.ts'
import { type Conversations, expectUnderstood } from '../../../helpers/capture-reader.ts'

const listening = 'tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n'

const conversations: Conversations = {
  'a capture that was stopped': [
    `${listening}26 packets captured\n30 packets received by filter\n3 packets dropped by kernel\n`,
    {
      ready: true,
      packets: 26,
      statistics: [{ name: 'eth0', received: 26, dropped: 3, flushed: 1 }],
      goneInterface: undefined,
      complaint: undefined,
    },
  ],
  'a single packet': [
    `${listening}1 packet captured\n1 packet received by filter\n0 packets dropped by kernel\n`,
    { packets: 1, statistics: [{ name: 'eth0', received: 1, dropped: 0, flushed: 0 }] },
  ],
  'packets that the driver dropped': [
    `${listening}2 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n5 packets dropped by interface\n`,
    { statistics: [{ name: 'eth0', received: 2, dropped: 5, flushed: 0 }] },
  ],
  'a counter that went below zero': [
    `${listening}0 packets captured\n0 packets received by filter\n0 packets dropped by kernel\n4294965006 packets dropped by interface\n`,
    { statistics: [{ name: 'eth0', received: 0, dropped: 0, flushed: 0 }] },
  ],
  'an interface that went away': [
    `${listening}tcpdump: pcap_loop: The interface disappeared\n20 packets captured\n20 packets received by filter\n0 packets dropped by kernel\n`,
    { ready: true, goneInterface: 'eth0', packets: 20, complaint: undefined },
  ],
  'all interfaces, and what is no complaint': [
    'tcpdump: data link type LINUX_SLL2\ntcpdump: WARNING: any: something\ntcpdump: listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n',
    { ready: true, complaint: undefined },
  ],
  'an older version, which has its name in front of one line only': [
    'tcpdump: listening on eth0, link-type EN10MB (Ethernet), capture size 262144 bytes\n7 packets captured\n',
    { ready: true, packets: 7, statistics: [] },
  ],
  'a filter that does not compile': [
    "tcpdump: can't parse filter expression: syntax error\n",
    { ready: false, complaint: "tcpdump: can't parse filter expression: syntax error" },
  ],
  'an interface that is not there': [
    'tcpdump: nope: No such device exists\n(No such device exists)\n',
    { ready: false, complaint: 'tcpdump: nope: No such device exists (No such device exists)' },
  ],
  'a namespace that may not be entered': [
    "nsenter: reassociate to namespace '/proc/self/fd/3' failed: Operation not permitted\n",
    { complaint: "nsenter: reassociate to namespace '/proc/self/fd/3' failed: Operation not permitted" },
  ],
  nothing: ['', { ready: false, packets: 0, statistics: [], complaint: undefined }],
}

describe.each(Object.entries(conversations))('%s', (_, [said, meant]) => {
  test('is understood wherever the pieces begin and end', () => {
    expectUnderstood(said, meant, onReady => tcpdumpReader('eth0', true, onReady))
  })
})

test('what the driver of a namesake dropped is no loss', () => {
  const reader = tcpdumpReader('eth0', false)
  reader.push(
    '2 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n5 packets dropped by interface\n',
  )
  expect(reader.messages().statistics).toEqual([{ name: 'eth0', received: 2, dropped: 0, flushed: 0 }])
})

test('a flood without an end of line is not kept, nor is one of lines', () => {
  const reader = tcpdumpReader('eth0', true)
  for (let index = 0; index < 1_000; index++) reader.push('x'.repeat(10_000))
  reader.push('\n')
  for (let index = 0; index < 1_000; index++) reader.push(`tcpdump: ${index}\n`)
  expect(reader.messages().complaint?.length).toBeLessThan(100)
})
