/** Network namespaces that no process lives in, and no mount of ours keeps: each is listed, and found by its inode. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { resolveTarget } from '../../src/discover/resolve/resolve.ts'
import { isStillThere } from '../../src/linux/namespace/netns.ts'
import { end, type Running, run, start, until } from '../helpers/command.ts'
import { holdNamespace, waysToHold } from '../helpers/holder.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const running: Running[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) await end(child)
})

/** Opens the namespace of an inode and says how it was found; it is not there any more when its holder has ended. */
async function found(inode: number): Promise<{ name: string; reference: string }> {
  const { namespace, name, reference } = await resolveTarget(`netns:${inode}`, {
    signal: AbortSignal.timeout(20_000),
    names: false,
  })
  expect([namespace.inode, isStillThere(namespace)]).toEqual([inode, true])
  for (const { child } of running) await end(child)
  await until('it has gone', () => !isStillThere(namespace))
  namespace.close()
  return { name, reference }
}

/** What is listed of a namespace. */
async function listed(inode: number): Promise<unknown[]> {
  const { stdout } = await remora(['list', '--json'])
  return (JSON.parse(stdout) as { netns: number }[]).filter(({ netns }) => netns === inode)
}

test.each(waysToHold)('kept by: %s', async how => {
  const { holder, inode } = await holdNamespace(how)
  running.push(holder)
  const named = { name: `python3(${holder.pid})`, reference: `netns:${inode}` }
  const known = { ...named, type: 'proc', netns: inode, pid: 0, 'network-interfaces': ['lo'] }
  expect(await listed(inode)).toEqual([expect.objectContaining(known)])
  expect(await found(inode)).toEqual(named)
  expect(await listed(inode)).toEqual([])
})

test('mounted where only other processes see it', async () => {
  const file = join(scratch(), 'inode')
  const script = `mount -t tmpfs x /run/netns && ip netns add hidden && ip -n hidden link set lo up && stat -L -c %i /run/netns/hidden >${file} && exec sleep 300`
  running.push(start(['unshare', '-m', 'sh', '-c', script], {}, 300_000))
  await until('it is mounted', () => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0)
  const inode = Number(readFileSync(file, 'utf8'))
  const reference = expect.stringMatching(/^file:\/proc\/\d+\/root\/run\/netns\/hidden$/)
  expect(await listed(inode)).toEqual([expect.objectContaining({ reference, 'network-interfaces': ['lo'] })])
  expect(await found(inode)).toMatchObject({ reference: `netns:${inode}` })
})

test('one below a later mount is not listed, by whoever looks: no path leads to it', async () => {
  const [below, above] = ['below', 'above'].map(name => `rt-${name}-${process.pid}`) as [string, string]
  const mount = (name: string) => `mount -t tmpfs x /run/netns && ip netns add ${name}`
  const script = `${mount(below)} && ${mount(above)} && echo ready >&2 && exec sleep 300`
  const holder = start(['unshare', '-m', 'sh', '-c', script], {}, 300_000)
  running.push(holder)
  await until('both are mounted', () => holder.stderr().includes('ready'))
  const list = [executable, 'list', '--json', '--type', 'bindmount']
  for (const enter of [[], ['nsenter', '--mount', '--target', String(holder.pid)]]) {
    const { stdout } = await run([...enter, ...list], { env: environment() })
    expect([stdout.includes(`/run/netns/${above}"`), stdout.includes(below)]).toEqual([true, false])
  }
})
