/**
 * What is fuzzed: generated input, and what must hold of the product for all of it. A target is run with a few thousand
 * cases by test/unit/fuzz, and with its share of a million by `npm run fuzz`. A case that takes longer than a second is
 * a failure like any other.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { RemoraError } from '../../src/base/errors.ts'

export interface FuzzTarget {
  readonly name: string
  /** Its share of the million. */
  readonly cases: number
  readonly property: fc.IRawProperty<[unknown]>
  /** Ends what it has opened. */
  readonly close?: () => void
}

/** Milliseconds of this thread's time a case may take, and of the clock where it talks to somebody. */
const longest = { alone: 1_000, talking: 5_000 } as const

/** Called before each case; whoever looks for cases that never end counts here. */
export const progress = { begin: () => {} }

/** A target of code that answers at once. */
export function target<T>(name: string, cases: number, input: fc.Arbitrary<T>, holds: (input: T) => void): FuzzTarget {
  const property = fc.property(input, value => {
    progress.begin()
    const started = process.threadCpuUsage()
    holds(value)
    const { user, system } = process.threadCpuUsage(started)
    inTime((user + system) / 1_000, longest.alone)
  })
  return { name, cases, property: property as fc.IRawProperty<[unknown]> }
}

/** A target that talks to somebody; `holds` sees to its own deadlines. */
export function talkingTarget<T>(
  name: string,
  cases: number,
  input: fc.Arbitrary<T>,
  holds: (input: T) => Promise<void>,
  close: () => void,
): FuzzTarget {
  const property = fc.asyncProperty(input, async value => {
    progress.begin()
    const started = performance.now()
    await holds(value)
    inTime(performance.now() - started, longest.talking)
  })
  return { name, cases, property: property as unknown as fc.IRawProperty<[unknown]>, close }
}

function inTime(milliseconds: number, limit: number): void {
  assert.ok(milliseconds < limit, `it takes ${Math.round(milliseconds)} ms`)
}

/** What an action returns; undefined when it refuses as it may: with a RemoraError of one of the codes, told in few words. */
export function unlessRefused<T>(action: () => T, ...codes: string[]): T | undefined {
  try {
    return action()
  } catch (error) {
    checkRefusal(error, codes)
    return undefined
  }
}

/** Fails unless an error is a refusal that was meant. */
export function checkRefusal(error: unknown, codes: readonly string[]): asserts error is RemoraError {
  if (!(error instanceof RemoraError)) throw error
  assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`)
  assert.ok(error.message.length <= 2_000, `a message of ${error.message.length} characters`)
}
