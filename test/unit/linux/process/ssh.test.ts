import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSshConnection } from '../../../../src/linux/process/ssh.ts'
import { scratch } from '../../../helpers/scratch.ts'

/** A process table of three generations: 30 is the child of 20, that of 10. */
function processes(environments: Record<number, string>): string {
  const proc = scratch()
  for (const [pid, parent] of [
    [10, 1],
    [20, 10],
    [30, 20],
  ] as const) {
    mkdirSync(join(proc, String(pid)))
    const fields = Array.from({ length: 30 }, (_, field) => (field === 0 ? parent : field))
    writeFileSync(join(proc, String(pid), 'stat'), `${pid} (a) b) S ${fields.join(' ')}\n`)
    writeFileSync(join(proc, String(pid), 'environ'), environments[pid] ?? '')
  }
  return proc
}

test('the session is found above what sudo has cleaned', () => {
  const proc = processes({ 10: 'A=1\0SSH_CONNECTION=10.0.0.9 5555 192.0.2.2 22\0', 20: 'B=2\0' })
  expect(readSshConnection(30, proc)).toEqual({ addresses: ['10.0.0.9', '192.0.2.2'], ports: [5555, 22] })
})

test('the nearest one counts, in either family', () => {
  const proc = processes({
    10: 'SSH_CONNECTION=10.0.0.9 5555 192.0.2.2 22\0',
    30: 'SSH_CONNECTION=fe80::1%eth0 6 fd00::2 22\0',
  })
  expect(readSshConnection(30, proc)?.addresses).toEqual(['fe80::1', 'fd00::2'])
})

test.each(['', 'here', '10.0.0.9 5555', '10.0.0.9 5555 192.0.2.2 22) or (1'])('"%s" is none', text => {
  expect(readSshConnection(30, processes({ 30: `SSH_CONNECTION=${text}\0` }))).toBeUndefined()
})
