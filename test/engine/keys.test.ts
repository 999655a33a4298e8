/** Keys of containers: read in their own root, and nothing else of them or of the host. */
import { appendFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { followKeylogs } from '../../src/linux/keylog/keylog.ts'
import { type NetworkNamespace, openProcessNamespace } from '../../src/linux/namespace/netns.ts'
import { sleep, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { keyLine, keyNumbers } from '../helpers/key-lines.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { scratch } from '../helpers/scratch.ts'

let engine: Docker
beforeAll(async () => {
  engine = await startDocker()
})
afterAll(() => engine.close())

async function startContainer(name: string, options: readonly string[]) {
  await engine.container(name, ['--network', 'none', ...options])
  return Number(await engine.docker('inspect', '-f', '{{.State.Pid}}', name))
}

function follow(...targets: NetworkNamespace[]) {
  const controller = new AbortController()
  const [numbers, found] = [[] as number[], [] as string[]]
  const follower = followKeylogs({
    namespaces: () => targets,
    signal: controller.signal,
    onKeys: lines => numbers.push(...keyNumbers(lines)),
    onFound: ({ path }) => found.push(path),
  })
  const stop = () => {
    controller.abort()
    for (const target of targets) target.close()
  }
  return { follower, numbers, found, stop }
}

/** Files of this process that are open, by the links of /proc. */
const openFiles = () =>
  readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return []
    }
  })

test('keys of a container come from its own file system, also the last ones before it was killed', async () => {
  const before = descriptorCount()
  const pid = await startContainer('plain', ['-e', 'SSLKEYLOGFILE=/keys'])
  const other = await startContainer('other', ['-e', 'SSLKEYLOGFILE=/keys'])
  appendFileSync(`/proc/${other}/root/keys`, keyLine(9))
  const { follower, numbers, found, stop } = follow(openProcessNamespace(pid))
  await follower.ready
  const write = (number: number) => engine.docker('exec', 'plain', 'sh', '-c', `echo "${keyLine(number)}" >> /keys`)
  await write(1)
  await write(2)
  await until('the keys have come', () => numbers.length === 2)
  appendFileSync(`/proc/${pid}/root/keys`, keyLine(3))
  process.kill(pid, 'SIGKILL')
  await until('the last key has come', () => numbers.length === 3)
  await until('the file is closed', () => follower.counts().files === 0)
  expect(numbers).toEqual([1, 2, 3])
  expect(found).toEqual(['/keys'])
  await engine.docker('rm', '-f', 'plain')
  stop()
  expect(descriptorCount()).toBe(before)
})

test('a container gets nothing but its own files read, and nothing that is no file', async () => {
  const host = join(scratch(), 'keys')
  writeFileSync(host, keyLine(1))
  const pid = await startContainer('hostile', ['-e', `SECRET=\n${keyLine(2)}`])
  const make = [
    ...[`busybox ln -s ${host} /absolute`, `busybox ln -s ../../../../../..${host} /upwards`],
    ...['busybox ln -s /proc/1/environ /environ', 'busybox mkfifo /fifo', 'busybox ln -s /loop /loop'],
    ...['busybox truncate -s 10G /sparse', 'busybox mkdir /folder', 'busybox ln -s /proc/self/fd/0 /input'],
  ]
  await engine.docker('exec', 'hostile', 'sh', '-c', make.join(' && '))
  const paths = [
    ...['/dev/zero', '/dev/stdin', '/proc/1/environ', '/proc/kmsg', '/proc/self/mem', '/sys/kernel/notes', '/environ'],
    ...['/absolute', '/upwards', '/fifo', '/loop', '/folder', '/input', '../../../../..'.concat(host), '/sparse'],
  ]
  for (const path of paths) await engine.docker('exec', '-d', '-e', `SSLKEYLOGFILE=${path}`, 'hostile', 'sleep', '1000')
  const { follower, numbers, found, stop } = follow(openProcessNamespace(pid))
  await follower.ready
  await sleep(1_000)
  expect(found).toEqual(['/sparse'])
  expect(follower.counts().files).toBe(1)
  expect(openFiles().filter(path => /keys|fifo|zero$|kmsg|environ|notes|\/mem$/.test(path))).toEqual([])
  appendFileSync(`/proc/${pid}/root/sparse`, `\n${keyLine(3)}`)
  await until('the key behind 10 GiB of nothing has come', () => numbers.length > 0)
  expect(numbers).toEqual([3])
  stop()
})
