import { describe, expect, test } from 'vitest'
import { dumpcapReader } from '../../../../src/linux/capturing/dumpcap-output.ts'
import { type Conversations, expectUnderstood } from '../../../helpers/capture-reader.ts'

const conversations: Conversations = {
  'a capture that was stopped': [
    "Capturing on 'b0' and 'Loopback: lo'\nFile: -\nPackets captured: 26\n" +
      "Packets received/dropped on interface 'b0': 26/9 (pcap:4/dumpcap:3/flushed:1/ps_ifdrop:1) (96.3%)\n" +
      "Packets received/dropped on interface 'Loopback: lo': 0/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0) (0.0%)\n",
    {
      ready: true,
      packets: 26,
      statistics: [
        { name: 'b0', received: 26, dropped: 8, flushed: 1 },
        { name: 'lo', received: 0, dropped: 0, flushed: 0 },
      ],
      complaint: undefined,
    },
  ],
  'packets counted while it runs': [
    "Capturing on 'b0'\nFile: -\n\rPackets: 3 \rPackets: 12 ",
    { ready: true, packets: 12 },
  ],
  'an interface that went away': [
    'Capturing on \'eth0\'\nFile: -\ndumpcap: The network adapter "eth0" is no longer attached; the capture has stopped.\nPackets captured: 1\n',
    { goneInterface: 'eth0', packets: 1, complaint: undefined },
  ],
  'an interface that went away behind a count': [
    "Capturing on 'lo' and 'v1'\nFile: -\n\rPackets: 7 dumpcap: The network adapter \"v1\" is no longer attached; the capture has stopped.\n\rPackets: 9 \rPackets captured: 9\n",
    { goneInterface: 'v1', packets: 9, complaint: undefined },
  ],
  'a filter that does not compile': [
    "Capturing on 'v1'\ndumpcap: Invalid capture filter \"tcp prt 80\" for interface 'v1'.\n\nThat string isn't a valid capture filter (can't parse filter expression: syntax error).\nSee the User's Guide.\n",
    {
      ready: false,
      complaint:
        "dumpcap: Invalid capture filter \"tcp prt 80\" for interface 'v1'. That string isn't a valid capture filter (can't parse filter expression: syntax error). See the User's Guide.",
    },
  ],
  'a namespace that may not be entered': [
    "nsenter: reassociate to namespace '/proc/self/fd/3' failed: Operation not permitted\n",
    { complaint: "nsenter: reassociate to namespace '/proc/self/fd/3' failed: Operation not permitted" },
  ],
  nothing: ['', { ready: false, packets: 0, statistics: [], complaint: undefined }],
}

describe.each(Object.entries(conversations))('%s', (_, [said, meant]) => {
  test('is understood wherever the chunks begin and end', () => {
    expectUnderstood(said, meant, dumpcapReader)
  })
})

test('a flood without an end of line is not kept', () => {
  const reader = dumpcapReader()
  for (let index = 0; index < 1_000; index++) reader.push('x'.repeat(10_000))
  expect(reader.messages().complaint).toBeUndefined()
})

test('a count is known when it comes, not with the next one', () => {
  const reader = dumpcapReader()
  reader.push("Capturing on 'b0'\nFile: -\n\rPackets: 3 ")
  expect(reader.messages().packets).toBe(3)
  reader.push('\rPackets: 1')
  expect(reader.messages().packets).toBe(3)
  reader.push('2 ')
  expect(reader.messages().packets).toBe(12)
})
