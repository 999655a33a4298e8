import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { listTenants } from '../../../../src/discover/host/processes.ts'
import { readContained } from '../../../../src/engine/processes.ts'
import {
  isRunnable,
  listProcesses,
  namespaceInode,
  readArguments,
  readBeginning,
  readEnvironment,
  readNamespaceInode,
  readStartTime,
} from '../../../../src/linux/process/proc.ts'
import { scratch } from '../../../helpers/scratch.ts'

const stat = (command: string, state = 'S') =>
  `7 (${command}) ${state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 918273 1000 2 3\n`

function procWith(files: Record<string, string>, links: Record<string, string> = {}): string {
  const proc = scratch()
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(proc, path, '..'), { recursive: true })
    writeFileSync(join(proc, path), content)
  }
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(join(proc, path, '..'), { recursive: true })
    symlinkSync(target, join(proc, path))
  }
  return proc
}

describe('processes', () => {
  test.each(['sh', 'a) S 1 2 3', ') ) )', '((', 'x y z', ''])(
    'the start time is found behind the command name %j',
    command => {
      expect(readStartTime(7, procWith({ '7/stat': stat(command) }))).toBe(918273)
    },
  )

  test('a zombie, a missing process and garbage have none', () => {
    expect(readStartTime(7, procWith({ '7/stat': stat('sh', 'Z') }))).toBeUndefined()
    expect(readStartTime(8, procWith({ '7/stat': '' }))).toBeUndefined()
    expect(readStartTime(7, procWith({ '7/stat': 'garbage' }))).toBeUndefined()
  })

  test('this process is there, with its namespace', () => {
    expect(listProcesses()).toContain(process.pid)
    expect(readNamespaceInode(process.pid, 'net')).toBe(readNamespaceInode('self', 'net'))
  })

  test('namespace links tell their kind', () => {
    expect(namespaceInode('net:[4026531840]', 'net')).toBe(4026531840)
    expect(namespaceInode('mnt:[4026531840]', 'net')).toBeUndefined()
    expect(namespaceInode('/run/netns/x', 'net')).toBeUndefined()
  })

  test('of words without an end only the beginning is read', () => {
    const proc = procWith({ '7/environ': 'A=1\0', '7/cmdline': 'a\0b\0' })
    for (const name of ['environ', 'cmdline']) truncateSync(join(proc, '7', name), 64 * 2 ** 30)
    expect(readEnvironment(7, proc)).toEqual({ A: '1' })
    expect(readArguments(7, proc).slice(0, 3)).toEqual(['a', 'b', ''])
  })

  test('an environment may hold anything', () => {
    const proc = procWith({ '7/environ': 'A=1\0B=x=y\0garbage\0=z\0' })
    expect(readEnvironment(7, proc)).toEqual({ A: '1', B: 'x=y', '': 'z' })
  })

  test('of what a process claims only the beginning is read', () => {
    const proc = scratch()
    mkdirSync(join(proc, '1'))
    for (const file of ['cmdline', 'environ']) writeFileSync(join(proc, '1', file), 'A=1\0'.repeat(1_000_000))
    expect(readArguments(1, proc)).toHaveLength(65_536)
    expect(readEnvironment(1, proc)).toEqual({ A: '1' })
  })

  test('the eldest process speaks for a namespace', () => {
    const young = stat('young').replace('918273', '999999')
    const proc = procWith(
      {
        '5/stat': young,
        '5/comm': 'young\n',
        '9/stat': stat('old'),
        '9/comm': 'old\n',
        '11/stat': stat('gone'),
        '11/comm': 'gone\n',
      },
      { '5/ns/net': 'net:[40]', '9/ns/net': 'net:[40]' },
    )
    expect(listTenants(readContained(proc))).toMatchObject([{ netns: 40, pid: 9, startTime: 918273, command: 'old' }])
  })
})

test('the beginning of a long file, in whole lines', () => {
  const path = join(scratch(), 'file')
  writeFileSync(path, 'one\ntwo\nthree\n')
  expect([100, 14, 9, 3].map(limit => readBeginning(path, limit))).toEqual([
    'one\ntwo\nthree\n',
    'one\ntwo\nthree\n',
    'one\ntwo\n',
    '',
  ])
  expect(readBeginning(join(path, 'none'), 10)).toBeUndefined()
})

test('a thread that runs makes its process runnable, whatever it is called', () => {
  const proc = scratch()
  const thread = (pid: number, tid: number, stat: string) => {
    mkdirSync(join(proc, `${pid}/task/${tid}`), { recursive: true })
    writeFileSync(join(proc, `${pid}/task/${tid}/stat`), stat)
  }
  thread(7, 7, '7 (dump) R cap) S 1 7 7 0')
  expect(isRunnable(7, proc)).toBe(false)
  thread(7, 8, '8 (dump) S cap) R 1 7 7 0')
  expect([isRunnable(7, proc), isRunnable(9, proc)]).toEqual([true, false])
})
