/** Runs for every test file: vitest ends its workers without an exit, so what they made is taken away here. */
import { afterAll } from 'vitest'
import { removeScratch } from './scratch.ts'

afterAll(removeScratch)
