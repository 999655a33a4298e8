import { expect, test } from 'vitest'
import { ratesBetween } from '../../../src/capture/preview.ts'

const counters = (received: number, sent: number) => ({
  ...{ rxPackets: received, rxBytes: received * 100, txPackets: sent, txBytes: sent * 100 },
})

test('rates are both directions in a second; lo counts once, what was made anew begins with nothing', () => {
  const before = new Map([
    ['lo', counters(5, 5)],
    ['eth0', counters(1_000, 2_000)],
    ['eth1', counters(50, 50)],
  ])
  const after = new Map([
    ['lo', counters(15, 15)],
    ['eth0', counters(1_010, 2_040)],
    ['eth1', counters(0, 3)],
    ['eth2', counters(4, 0)],
  ])
  expect([...ratesBetween(before, after, 0.5)]).toEqual([
    ['lo', { packets: 20, bytes: 2_000 }],
    ['eth0', { packets: 100, bytes: 10_000 }],
    ['eth1', { packets: 0, bytes: 0 }],
    ['eth2', { packets: 8, bytes: 800 }],
  ])
})
