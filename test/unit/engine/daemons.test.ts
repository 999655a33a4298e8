/** Processes that are named like an engine: any user may have any number. */
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findDaemons } from '../../../src/engine/sockets.ts'
import { scratch } from '../../helpers/scratch.ts'

/** A /proc in which processes of a plain user come first; those from the 41st on are root's. */
function makeProc(count: number) {
  const proc = scratch()
  const processes = Array.from({ length: count }, (_, index) => ({ pid: index + 1, command: 'dockerd' }))
  for (const { pid } of processes) {
    mkdirSync(join(proc, String(pid)))
    if (pid <= 40) chownSync(join(proc, String(pid)), 64_001, 64_001)
  }
  return { proc, processes }
}

test('up to 64 are all looked at', () => {
  const { proc, processes } = makeProc(64)
  const { daemons, leftOut } = findDaemons(new Set(['dockerd']), processes, proc)
  expect([daemons.map(({ pid }) => pid), leftOut]).toEqual([processes.map(({ pid }) => pid), []])
})

test('of more, 64 are looked at, those of root first, and it is told', () => {
  const { proc, processes } = makeProc(100)
  const { daemons, leftOut } = findDaemons(new Set(['dockerd']), [...processes, { pid: 500, command: 'sh' }], proc)
  expect(daemons).toHaveLength(64)
  expect(daemons.slice(0, 60).every(({ pid }) => pid > 40)).toBe(true)
  expect(leftOut).toEqual(['100 processes are named like an engine: only 64 of them are asked'])
})
