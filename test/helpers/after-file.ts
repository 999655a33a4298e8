/**
 * Runs for every test file. vitest ends its workers without an exit, so what they made is taken away here: first what a
 * failed test left running, then its folders.
 */
import { afterAll } from 'vitest'
import { endOurs } from './mark.ts'
import { removeScratch } from './scratch.ts'

// The last one runs first.
afterAll(removeScratch)
afterAll(endOurs)
