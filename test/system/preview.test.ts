/** What a dry run finds out, in a real namespace, with a process in it and without. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { prepareCapture } from '../../src/capture/prepare/prepare.ts'
import { previewWhole } from '../../src/capture/preview.ts'
import { captureRequest, type TypedOptions } from '../../src/cli/capture-request.ts'
import { renderPlan } from '../../src/cli/render/plan.ts'
import { compileFilter } from '../../src/linux/capturing/filter-program.ts'
import { openNamespaceFile } from '../../src/linux/namespace/netns.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'

let pair: NetnsPair
let inside: Running
beforeAll(async () => {
  pair = await makeNetnsPair()
  inside = start(['nsenter', `--net=/run/netns/${pair.receiver}`, 'sleep', '1000'])
  await until('somebody is in it', () => readNamespaceInode(inside.pid, 'net') === inode())
})
afterAll(async () => {
  await end(inside.child)
  await pair.close()
})

function inode(): number {
  const namespace = openNamespaceFile(`/run/netns/${pair.receiver}`)
  namespace.close()
  return namespace.inode
}

const never = new AbortController().signal

async function preview(target: string, options: object = {}) {
  const request = captureRequest([target], { names: false, ...options } as TypedOptions)
  const connection = { addresses: ['192.0.2.9', '192.0.2.1'], ports: [22] } as const
  const central = target === 'host' && { ownStream: [connection] }
  const prepared = await prepareCapture({ ...request, ...central }, { lifetime: { stop: never, kill: never } })
  try {
    const { targets } = await previewWhole(prepared, never)
    const [first] = targets
    if (first === undefined) throw new Error('nothing is captured')
    return first
  } finally {
    prepared.close()
  }
}

test.each<[string, () => string]>([
  ['without a process', () => `named:${pair.receiver}`],
  ['with one', () => `pid:${inside.pid}`],
])('a namespace %s', async (_, target) => {
  const pinging = pair.ping(60, 0.02)
  const seen = await preview(target(), { filter: 'icmp', interface: ['b0'] })
  await pinging
  expect(seen).toMatchObject({
    netns: inode(),
    ...{ route: 'direct', hostNetwork: false, filter: 'icmp', excluding: '' },
    interfaces: [
      { name: 'b0', captured: true, up: true, filter: 'icmp', addresses: [receiverAddress] },
      { name: 'lo', captured: false, up: true, filter: '', program: '', rate: { packets: 0, bytes: 0 } },
    ],
  })
  // 50 pings a second and their answers, of 98 bytes.
  const { rate, program } = seen.interfaces[0] ?? {}
  expect(rate?.packets).toBeGreaterThan(20)
  expect(rate?.packets).toBeLessThan(200)
  expect(Math.abs((rate?.bytes ?? 0) / (rate?.packets ?? 1) - 98)).toBeLessThan(5)
  expect(program).toMatch(/^\(000\) ldh +\[12\]\n(?:.*\n)+\(\d+\) ret +#0$/)
  expect(renderPlan(seen)).toContain(program?.split('\n').join('\n  '))
})

test('the host: what carries the capture is left out, and is in the program', async () => {
  const seen = await preview('host', { filter: 'tcp', interface: ['lo'] })
  const excluding = 'not (tcp and host 192.0.2.9 and host 192.0.2.1 and port 22)'
  expect(seen).toMatchObject({ filter: 'tcp', excluding })
  expect(seen.interfaces[0]?.filter).toBe(`${excluding} and (tcp)`)
  expect(seen.interfaces[0]?.program).toContain('#0xc0000209')
})

test('any is one pseudo-interface, whose rate is that of all', async () => {
  const pinging = pair.ping(60, 0.02)
  const seen = await preview(`named:${pair.receiver}`, { interface: ['any'] })
  await pinging
  expect(seen.interfaces).toMatchObject([{ name: 'any', captured: true, up: true, program: '' }])
  expect(seen.interfaces[0]?.rate?.packets).toBeGreaterThan(20)
})

test('at the peer it is the other end that is shown, and what ends it is what was asked for', async () => {
  const seen = await preview(`named:${pair.receiver}`, { at: 'both', filter: 'icmp', autostop: ['duration:5'] })
  expect(seen).toMatchObject({ route: 'woven', reasons: ['at both'], stopConditions: ['duration:5'] })
  expect(seen.interfaces.map(({ name, captured, addresses }) => [name, captured, addresses[0]])).toEqual([
    ['lo', true, '127.0.0.1'],
    ['b0', true, receiverAddress],
    ['b0@a0', true, '10.213.7.1'],
  ])
  expect(new Set(seen.interfaces.map(({ program }) => program)).size).toBe(1)
})

test('each interface has a program of its own kind', async () => {
  const namespace = openNamespaceFile(`/run/netns/${pair.receiver}`)
  const before = descriptorCount()
  const [ethernet, cooked] = await compileFilter(namespace, 'ip', [{ name: 'b0' }, { name: 'any' }])
  expect(descriptorCount()).toBe(before)
  namespace.close()
  expect([ethernet, cooked]).toEqual([
    expect.stringMatching(/^\(000\) ldh +\[12\]\n/),
    expect.stringMatching(/^\(000\) ldh +\[14\]\n/),
  ])
})

test('a filter that is none is refused with its reason', async () => {
  const namespace = openNamespaceFile(`/run/netns/${pair.receiver}`)
  await expect(compileFilter(namespace, 'tcp prt', [{ name: 'b0' }])).rejects.toMatchObject({ code: 'FILTER_INVALID' })
  namespace.close()
})
