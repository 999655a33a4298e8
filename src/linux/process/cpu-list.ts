/** Lists of CPUs as the kernel prints them (cpuset(7), list format). */
import type { CpuRange } from '../../model/process.ts'

/** A list of CPUs, `0-3,6`. */
export function parseRanges(list: string): CpuRange[] {
  return list
    .trim()
    .split(',')
    .flatMap(part => {
      const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
      return from === undefined ? [] : [[Number(from), Number(to ?? from)] as const]
    })
}
