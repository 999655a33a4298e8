import { expect, test } from 'vitest'
import { watchMovement } from '../../../../src/capture/direct/uncaptured.ts'

const counters = (packets: Record<string, number>) =>
  new Map(
    Object.entries(packets).map(([name, rxPackets]) => [name, { rxPackets, rxBytes: 0, txPackets: 0, txBytes: 0 }]),
  )

test('news is an interface that has come, or one that was still and moves; none is what is expected', () => {
  const movement = watchMovement(['eth0', 'down0'])
  movement.expect(['eth0'])
  const steps: [Record<string, number>, boolean][] = [
    [{ eth0: 5, down0: 7 }, false],
    [{ eth0: 9, down0: 7 }, false],
    [{ eth0: 9, down0: 8 }, true],
    [{ eth0: 9, down0: 8 }, false],
    [{ eth0: 9, down0: 8, eth1: 0 }, true],
    [{ eth0: 9, down0: 8, eth1: 0 }, false],
    [{ eth0: 9, down0: 8, eth1: 3 }, true],
    [{ eth0: 9, down0: 8 }, false],
    [{ eth0: 9, down0: 8, eth1: 3 }, true],
  ]
  for (const [packets, isNews] of steps)
    expect([packets, movement.isNews(counters(packets))]).toEqual([packets, isNews])
  movement.expect(['eth0', 'eth1'])
  expect(movement.isNews(counters({ eth0: 9, eth1: 90 }))).toBe(false)
})
