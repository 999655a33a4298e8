/** Runs before every file of unit tests: their properties are tried with the cases of one seed. */
import fc from 'fast-check'
import { seed } from './seed.ts'

fc.configureGlobal({ seed })
