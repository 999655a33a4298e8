/** Measuring: alternating runs of remora and its bare counterpart, medians, spread, and ratios of the two. */
import { readFileSync } from 'node:fs'

export interface Row {
  readonly name: string
  readonly unit: string
  /** Medians; bare is missing where there is nothing to compare with. */
  readonly remora: number
  readonly bare?: number
  /** Lowest and highest value of remora. */
  readonly spread: readonly [number, number]
  /** What the value, or the ratio where there is a counterpart, must keep to. */
  readonly target: string
  readonly met: boolean
  readonly note?: string
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Runs two measurements in turn, so that whatever else the machine does hits both. */
export async function alternate(
  times: number,
  remora: () => Promise<number>,
  bare: () => Promise<number>,
): Promise<{ remora: number[]; bare: number[] }> {
  const values = { remora: [] as number[], bare: [] as number[] }
  for (let round = 0; round < times; round++) {
    values.bare.push(await bare())
    values.remora.push(await remora())
  }
  return values
}

export function spreadOf(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)]
}

const ticksPerSecond = 100

/** CPU seconds a process has used so far, in user and in system mode. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory of a process, MiB. */
export function residentMemory(pid: number): number {
  const [, kib] = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}
