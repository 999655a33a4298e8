/** Chance that can be had again: numbers that follow from a seed and a name, whatever was drawn for other names. */
import { createHash } from 'node:crypto'

/** A number from 0 to below 1, each time another one. */
export type Draw = () => number

/** The numbers of a seed and a name: bits of SHA-256 over both and a counter. */
export function drawFrom(seed: number, name: string): Draw {
  let count = 0
  return () => createHash('sha256').update(`${seed} ${name} ${count++}`).digest().readUInt32LE() / 2 ** 32
}

/** The same elements in an order of chance (Fisher and Yates). */
export function shuffled<T>(elements: readonly T[], draw: Draw): T[] {
  const result = [...elements]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1))
    ;[result[last], result[other]] = [result[other] as T, result[last] as T]
  }
  return result
}
