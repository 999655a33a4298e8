/** A reference that names its engine: no other is asked, neither for the target nor for names of addresses. */
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { run } from '../helpers/command.ts'

const program = join(import.meta.dirname, '../helpers/named-engine.ts')
let told: { readonly named: boolean; readonly unnamed: boolean; readonly around: readonly number[] }
beforeAll(async () => {
  const enter = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  const { status, stdout, stderr } = await run([...enter, process.execPath, program])
  if (status !== 0) throw new Error(stderr)
  told = JSON.parse(stdout)
})

test('no other is asked', () => {
  expect(told.named).toBe(false)
})

test('every one is asked where none is named', () => {
  expect(told.unnamed).toBe(true)
})

test('what needs no engine is looked into before any is asked for names', () => {
  expect(told.around).toEqual([0, 1])
})
