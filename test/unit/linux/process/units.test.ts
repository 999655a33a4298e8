import { expect, test } from 'vitest'
import type { ProcessEntry } from '../../../../src/linux/process/table.ts'
import { mainProcess, parseUnits, type Unit } from '../../../../src/linux/process/units.ts'

const id = 'ab'.repeat(32)
const manager = '/user.slice/user-1000.slice/user@1000.service'

test.each<[string, Unit[]]>([
  ['0::/system.slice/nginx.service', [{ name: 'nginx.service' }]],
  ['0::/system.slice/system-getty.slice/getty@tty1.service', [{ name: 'getty@tty1.service' }]],
  // Groups below that of a unit belong to it.
  ['0::/system.slice/nginx.service/workers/1', [{ name: 'nginx.service' }]],
  ['0::/init.scope', [{ name: 'init.scope' }]],
  ['0::/user.slice/user-1000.slice/session-2.scope', [{ name: 'session-2.scope' }]],
  [`0::${manager}/app.slice/web.service`, [{ name: 'user@1000.service' }, { name: 'web.service', user: 1000 }]],
  [`0::${manager}/init.scope`, [{ name: 'user@1000.service' }, { name: 'init.scope', user: 1000 }]],
  // Version 1 has a hierarchy of its own for systemd, and others that may say something else.
  ['9:name=systemd:/system.slice/nginx.service\n8:pids:/docker/x\n0::/', [{ name: 'nginx.service' }]],
  ['8:pids:/system.slice/nginx.service\n0::/', []],
  // Seen from within a control group namespace.
  ['0::/../../system.slice/nginx.service', [{ name: 'nginx.service' }]],
  ['0::/system.slice/_tasks.service', [{ name: 'tasks.service' }]],
  // A unit of the systemd in a container is none of this host; the container's own scope is one.
  [`0::/docker/${id}/system.slice/nginx.service`, []],
  ['0::/lxc.payload.web/system.slice/nginx.service', []],
  [`0::/system.slice/docker-${id}.scope/system.slice/nginx.service`, [{ name: `docker-${id}.scope` }]],
  [`0::${manager}/app.slice`, [{ name: 'user@1000.service' }]],
  ['0::/system.slice', []],
  ['0::/system.slice/a/nginx.service', []],
  ['0::/', []],
  ['', []],
  ['garbage', []],
])('%j', (text, expected) => {
  expect(parseUnits(text)).toEqual(expected)
})

const process = (pid: number, parent: number, startTime: number): ProcessEntry => ({
  ...{ pid, parent, startTime, command: 'x', netns: 1, mountns: 1, container: undefined },
})

test.each<[string, [ProcessEntry, ...ProcessEntry[]], number]>([
  ['one with a child', [process(10, 1, 5), process(11, 10, 6)], 10],
  ['numbers that have begun anew', [process(3, 900, 9), process(900, 1, 5)], 900],
  ['a command that runs beside it', [process(10, 1, 5), process(20, 1, 8)], 10],
  ['a helper that is older, and was started by it no longer', [process(12, 13, 5), process(13, 1, 7)], 13],
])('the main process of %s', (_, processes, pid) => {
  expect(mainProcess({ processes }).pid).toBe(pid)
})
