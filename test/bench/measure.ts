/** Measuring: runs of remora and of bare tools in turn, medians with their spread, ratios, and what each must keep to. */
import { readFileSync } from 'node:fs'

/** One line of the table. */
export interface Row {
  readonly name: string
  readonly unit: string
  /** Median of remora's values. */
  readonly remora: number
  /** Lowest and highest of them. */
  readonly spread: readonly [number, number]
  /** What it is compared with, where there is something to compare with, and its median. */
  readonly counterpart?: string
  readonly bare?: number
  readonly ratio?: number
  /** What it must keep to; empty where it is only told. */
  readonly must: string
  readonly met: boolean
  readonly note?: string
}

/** What the median, the ratio of the medians, or the difference of highest and lowest value must keep to. */
export type Must =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly ratioAtMost: number }
  | { readonly ratioAtLeast: number }
  | { readonly flatWithin: number }

interface Measured {
  readonly unit?: string
  readonly values: readonly number[]
  readonly counterpart?: string
  readonly bare?: readonly number[]
  readonly must?: Must
  readonly note?: string
}

/** Makes the line of what was measured. */
export function row(name: string, { unit = '', values, counterpart, bare, must, note }: Measured): Row {
  const remora = median(values)
  const spread = [Math.min(...values), Math.max(...values)] as const
  const theirs = bare === undefined ? undefined : median(bare)
  const ratio = theirs === undefined ? undefined : remora / theirs
  const judged = judge(must, { remora, ratio: ratio ?? Number.NaN, span: spread[1] - spread[0] }, unit)
  return {
    ...{ name, unit, remora, spread, ...judged },
    ...(theirs !== undefined && ratio !== undefined && { counterpart: counterpart ?? '', bare: theirs, ratio }),
    ...(note !== undefined && { note }),
  }
}

function judge(
  must: Must | undefined,
  { remora, ratio, span }: { remora: number; ratio: number; span: number },
  unit: string,
): { must: string; met: boolean } {
  if (must === undefined) return { must: '', met: true }
  if ('atMost' in must) return { must: `≤ ${amount(must.atMost, unit)}`, met: remora <= must.atMost }
  if ('atLeast' in must) return { must: `≥ ${amount(must.atLeast, unit)}`, met: remora >= must.atLeast }
  if ('ratioAtMost' in must) return { must: `ratio ≤ ${must.ratioAtMost}`, met: ratio <= must.ratioAtMost }
  if ('ratioAtLeast' in must) return { must: `ratio ≥ ${must.ratioAtLeast}`, met: ratio >= must.ratioAtLeast }
  return { must: `flat within ${amount(must.flatWithin, unit)}`, met: span <= must.flatWithin }
}

/** A number as people read it, with its unit. */
export function amount(value: number, unit = ''): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
  return `${value.toLocaleString('en', { maximumFractionDigits: digits })} ${unit}`.trim()
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** The value that so much of all values (0 to 1) stays below. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Runs several measurements in turn, so that whatever else the machine does hits all of them alike. */
export async function inTurn<Name extends string, Value>(
  times: number,
  measurements: Readonly<Record<Name, () => Promise<Value>>>,
): Promise<Record<Name, Value[]>> {
  const names = Object.keys(measurements) as Name[]
  const values = Object.fromEntries(names.map(name => [name, [] as Value[]])) as Record<Name, Value[]>
  for (let round = 0; round < times; round++) {
    for (const name of names) values[name].push(await measurements[name]())
  }
  return values
}

const ticksPerSecond = 100

/** CPU seconds a process has used so far, in user and in system mode (proc_pid_stat(5)). */
export function cpuSeconds(pid: number): number {
  return ticks(pid, 11) / ticksPerSecond
}

/** The same, with those of the processes it has started and that have ended. */
export function cpuSecondsWithChildren(pid: number): number {
  return (ticks(pid, 11) + ticks(pid, 13)) / ticksPerSecond
}

/** Two fields of /proc/PID/stat together, counted after the name. */
function ticks(pid: number, first: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[first]) + Number(fields[first + 1])
}
