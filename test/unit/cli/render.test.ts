import { expect, test } from 'vitest'
import { printable } from '../../../src/base/write.ts'
import { summary } from '../../../src/cli/render/progress.ts'
import { renderTable } from '../../../src/cli/render/table.ts'

test('columns are as wide as their widest cell, whatever script it is in', () => {
  expect(
    renderTable(
      ['NAME', 'TYPE'],
      [
        ['web', 'docker'],
        ['数据', 'proc'],
        ['x\x1b[31m', ''],
      ],
    ),
  ).toBe('NAME    TYPE\nweb     docker\n数据    proc\nx\uFFFD[31m\n')
})

test('a name cannot steer the terminal', () => {
  expect(printable('a\x1b]0;evil\x07\u202eb\n')).toBe('a\uFFFD]0;evil\uFFFD\uFFFDb\uFFFD')
})

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
})
