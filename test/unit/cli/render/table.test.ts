import { expect, test } from 'vitest'
import { renderTable } from '../../../../src/cli/render/table.ts'

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
