import { expect, test } from 'vitest'
import { summary } from '../../../../src/cli/render/progress.ts'

test('the summary tells what was lost and why it ended', () => {
  const report = {
    reference: 'docker:web',
    end: 'stopped',
    complete: true,
    interfaces: [],
    packets: 12_345,
    dropped: 0,
    seconds: 1,
  } as const
  expect(summary(report, { kind: 'file', path: 'web.pcapng' })).toBe('12,345 packets in web.pcapng; stopped\n')
  expect(summary({ ...report, dropped: 7, end: 'interface-gone', goneInterface: 'eth0' }, { kind: 'stdout' })).toBe(
    '12,345 packets, 7 LOST; an interface was removed (eth0 was removed)\n',
  )
  expect(summary({ ...report, late: 3, missedInterfaces: ['eth1'], lives: 2 }, { kind: 'stdout' })).toBe(
    '12,345 packets in 2 lives, without eth1, 3 out of order; stopped\n',
  )
})
