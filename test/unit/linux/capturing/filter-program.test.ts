import { expect, test } from 'vitest'
import { parsePrograms } from '../../../../src/linux/capturing/filter-program.ts'

test('each program begins with instruction 0; what is none is left out', () => {
  const text =
    "Capturing on 'lo'\n(000) ldh      [12]\n(001) jeq      #0x86dd          jt 2\tjf 8\n(002) ret      #0\n\n(000) ret      #262144\n"
  expect(parsePrograms(text)).toEqual([
    '(000) ldh      [12]\n(001) jeq      #0x86dd          jt 2 jf 8\n(002) ret      #0',
    '(000) ret      #262144',
  ])
  expect(parsePrograms('')).toEqual([])
  expect(parsePrograms('(001) ret #0\n')).toEqual([])
})

test('a program without end is cut off, and the next one is not', () => {
  const long = Array.from({ length: 30_000 }, (_, index) => `(${String(index).padStart(3, '0')}) ld [0]\n`).join('')
  const [first, second, ...others] = parsePrograms(`${long}(000) ret      #0\n`)
  expect(first?.split('\n')).toHaveLength(4_097)
  expect(first?.endsWith('(4095) ld [0]\n…')).toBe(true)
  expect([second, others]).toEqual(['(000) ret      #0', []])
})
