/** remora as an extcap of real Wiresharks, through tshark: the same code of Wireshark lists, configures and captures. */
import { statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stableInterfaces } from '../../extcap/interfaces.ts'
import { interfacesOf, pingsIn } from '../helpers/capture-file.ts'
import { end } from '../helpers/command.ts'
import { expectNoDumpcap, untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { wiresharks } from '../helpers/wireshark.ts'

let pair: NetnsPair
let inode: number
let home: string
let folder: string
beforeAll(async () => {
  pair = await makeNetnsPair()
  inode = statSync(`/run/netns/${pair.receiver}`).ino
  home = wiresharkHome()
  folder = scratch()
})
afterAll(() => pair.close())

/** A socket that answers like Docker's, with containers no real engine would allow. */
async function engineThatLists(names: readonly string[]): Promise<{ socket: string; close(): void }> {
  const socket = join(scratch(), 'docker.sock')
  const containers = names.map((name, index) => ({
    Id: `${index}`.padStart(64, 'a'),
    Names: [`/${name}`],
    Image: name,
    State: 'running',
    Created: 1_000 - index,
    Labels: { [name]: name },
  }))
  const server = createServer((_, response) => response.end(JSON.stringify(containers)))
  await new Promise<void>(resolve => server.listen(socket, resolve))
  return { socket, close: () => server.close() }
}

const preference = (name: string, value: string) => ['-o', `extcap.remora.${name}:${value}`]

test('with --all, Wireshark 4.0, 4.4 and 4.6 are here', () => {
  const versions = wiresharks.map(({ version }) => version).sort()
  expect(versions).toEqual(expect.arrayContaining(process.env.REMORA_TEST_ALL ? ['4.0', '4.4', '4.6'] : ['4.0']))
})

describe.each(wiresharks.map(wireshark => [wireshark.version, wireshark] as const))('Wireshark %s', (_, wireshark) => {
  const { tshark, startTshark } = wireshark

  test('lists the interface, with no line and no complaint too many', async () => {
    const { status, stdout, stderr } = await tshark(['-D'], home)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\d+\. remora \(Container capture \(this host\)\)$/m)
    expect(stdout).toMatch(/^\d+\. mobyshark \(Docker host capture\)$/m)
    expect(stdout).toMatch(/^\d+\. packetflix \(packetflix:\/\/ remote capture\)$/m)
    expect(stdout.split('\n').filter(line => line !== '' && !/^\d+\. /.test(line))).toEqual([])
    expect(stderr.split('\n').filter(line => line !== '' && !line.startsWith('Running as user'))).toEqual([])
  })

  test('survives whatever containers are called', async () => {
    const names = [
      'a}b',
      'x} {y',
      '{z}',
      '"quoted"',
      'tab\there',
      'line\nbreak',
      '\u202ertl',
      '👩‍💻',
      'ünï',
      'comma,(x)',
      ' ',
      'n'.repeat(300),
    ]
    const engine = await engineThatLists(names)
    try {
      const env = { DOCKER_HOST: `unix://${engine.socket}` }
      for (const args of [['-D'], ['-G', 'currentprefs'], ['-i', 'remora', '-L']]) {
        const { status, stdout, stderr } = await tshark(args, home, env)
        expect(status, stderr).toBe(0)
        if (args[0] !== '-D') continue
        expect(stdout.match(/^\d+\. remora-/gm)).toHaveLength(8)
        expect(stdout.split('\n').filter(line => line !== '' && !/^\d+\. /.test(line))).toEqual([])
      }
    } finally {
      engine.close()
    }
  })

  test.each(Object.entries(stableInterfaces))('knows exactly the arguments of %s that are saved', async (nif, own) => {
    const { stdout } = await tshark(['-G', 'currentprefs'], home)
    const known = [...stdout.matchAll(/^#?extcap\.(\w+)\.(\w+):/gm)].filter(([, of]) => of === nif)
    expect(known.map(([, , name]) => name).sort()).toEqual(own.arguments.map(({ call }) => call).sort())
  })

  test('shows the link types', async () => {
    expect(await tshark(['-i', 'remora', '-L'], home)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/EN10MB/),
    })
  })

  test('captures, with filter, names and interfaces as they were asked for', async () => {
    const file = join(folder, `${wireshark.version}.pcapng`)
    const args = [...preference('reference', `named:${pair.receiver}`), '-f', 'icmp', '-c', '4', '-w', file]
    const running = startTshark(['-i', 'remora', ...args], home)
    await untilReading(inode)
    await pair.ping(2)
    const { status, stderr } = await running.result
    expect(status, stderr).toBe(0)
    expect(stderr).not.toMatch(/Error/)
    expect(await pingsIn(file)).toEqual([1, 2])
    expect((await interfacesOf(file)).map(({ name }) => name)).toEqual(['lo', 'b0'])
    await expectNoDumpcap(inode)
  })

  test('stops on SIGINT like on any interface, and nothing is left', async () => {
    const running = startTshark(
      ['-i', 'remora', ...preference('target', `named:${pair.receiver}`), '-w', join(folder, 'stop')],
      home,
    )
    await untilReading(inode)
    // In a root, tshark is not our child: it is signalled by its own number, as a terminal would.
    running.child.kill('SIGINT')
    const { stderr } = await running.result
    expect(stderr).not.toMatch(/Error (by|from) extcap/)
    await expectNoDumpcap(inode)
  })

  test('killed on an idle interface, it leaves nothing either', async () => {
    const running = startTshark(
      ['-i', 'remora', ...preference('target', `named:${pair.receiver}`), '-w', join(folder, 'kill')],
      home,
    )
    await untilReading(inode)
    await end(running.child)
    await expectNoDumpcap(inode)
  })

  test.each([
    [
      'an unknown target',
      [...preference('reference', 'named:gone')],
      /TARGET_NOT_FOUND: there is no network namespace at \/run\/netns\/gone/,
    ],
    ['a bad filter', ['-f', 'tcp prt'], /FILTER_INVALID: the capture filter "tcp prt" is not valid/],
    [
      'an unknown interface',
      [...preference('interface', 'nope')],
      /INTERFACE_NOT_FOUND: interface "nope" of host does not exist/,
    ],
  ])('shows the reason once when it cannot start: %s', async (_, args, message) => {
    const { status, stderr } = await tshark(['-i', 'remora', ...args, '-w', join(folder, 'none')], home)
    expect(status).toBe(1)
    expect(stderr.match(new RegExp(message, 'g'))).toHaveLength(1)
  })

  test('a preference that is none of ours is refused by Wireshark', async () => {
    expect((await tshark(['-i', 'remora', ...preference('bogus', '1'), '-c', '1'], home)).status).toBe(1)
  })
})
