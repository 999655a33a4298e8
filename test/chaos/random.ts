/** Chance that can be had again: numbers that follow from a seed and a name, whatever was drawn for other names. */
import { createHash } from 'node:crypto'
import { type Random, randomFrom } from '../helpers/random.ts'

/** The numbers of a seed and a name. */
export function drawFrom(seed: number, name: string): Random {
  return randomFrom(createHash('sha256').update(`${seed} ${name}`).digest().readInt32LE())
}
