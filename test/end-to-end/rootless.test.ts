/** A plain user's Podman: found by root, and by himself, who captures without any privilege. */
import { chmodSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWaiting } from '../helpers/capture.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { podmanImage } from '../helpers/podman.ts'
import { executable, remora } from '../helpers/remora.ts'
import { type RootlessPodman, startRootlessPodman } from '../helpers/rootless.ts'
import { scratch } from '../helpers/scratch.ts'

let engine: RootlessPodman
let own: string
beforeAll(async () => {
  engine = await startRootlessPodman()
  await engine.podman(
    'run',
    '-d',
    '--cap-add',
    'net_raw',
    '--name',
    'mine',
    podmanImage,
    'ping',
    '-i',
    '0.2',
    '127.0.0.1',
  )
  const folder = scratch()
  chmodSync(folder, 0o755)
  own = join(folder, 'remora')
  copyFileSync(executable, own)
  chmodSync(own, 0o755)
})
afterAll(() => engine?.close())

const listed = (text: string) => (JSON.parse(text) as Record<string, unknown>[]).filter(({ name }) => name === 'mine')
const expected = [{ name: 'mine', type: 'podman', reference: 'podman:mine', 'network-interfaces': ['lo', 'tap0'] }]

test('root finds it at its socket', async () => {
  expect(listed((await remora(['list', '--json'])).stdout)).toMatchObject([{ ...expected[0], image: podmanImage }])
})

test('its user finds it, and captures it without any privilege', async () => {
  expect(listed((await engine.asUser(own, 'list', '--json')).stdout)).toMatchObject(expected)
  const { status, stdout, stderr } = await engine.asUser(
    own,
    'capture',
    'mine',
    '-i',
    'lo',
    '-a',
    'packets:4',
    '-w',
    'mine.pcapng',
    '--json',
  )
  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ end: 'stop-condition', packets: 4 })
})

test('it is waited for, from its first packet on, though its namespace is mounted where only its user sees it', async () => {
  const file = join(scratch(), 'later.pcapng')
  const capture = await startWaiting(['--wait', 'podman:later', '-w', file, '-a', 'packets:20'])
  await engine.podman(
    'run',
    '-d',
    '--cap-add',
    'net_raw',
    '--name',
    'later',
    podmanImage,
    'ping',
    '-i',
    '0.1',
    '127.0.0.1',
  )
  const { status, stderr } = await capture.result
  expect(status, stderr).toBe(0)
  expect((await pingsIn(file))[0]).toBe(0)
})

test('without its service it is found by its monitor, with its name', async () => {
  await engine.endService()
  expect(listed((await remora(['list', '--json'])).stdout)).toMatchObject(expected)
  const { status } = await remora(['capture', 'mine', '--dry-run'])
  expect(status).toBe(0)
})
