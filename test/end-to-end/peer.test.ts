/** The other end of a container's veth pair: alone, and together with the inside, packet by packet. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { interfacesOf } from '../helpers/capture-file.ts'
import { must } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let engine: Docker
beforeAll(async () => {
  pair = await makeNetnsPair()
  engine = await startDocker()
})
afterAll(async () => {
  await pair?.close()
  await engine?.close()
})

const inode = (name: string) => statSync(`/run/netns/${name}`).ino

/** Captures at a point while something happens. */
async function capturing(at: string, action: () => Promise<void>): Promise<string> {
  const file = join(scratch(), `${at}.pcapng`)
  const args = ['-i', 'b0', '--at', at, '--direction', '-f', 'icmp', '-w', file]
  const capture = startRemora(['capture', `named:${pair.receiver}`, ...args])
  await untilReading(inode(pair.sender))
  await action()
  capture.child.kill('SIGINT')
  const { status, stderr } = await capture.result
  expect(status, stderr).toBe(0)
  return file
}

/** Fields of every packet. */
async function fields(file: string, ...names: string[]): Promise<string[][]> {
  const output = await must('tshark', '-r', file, '-T', 'fields', ...names.flatMap(name => ['-e', name]))
  return output
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t'))
}

test('alone: its interface, seen from there, with the directions of its own', async () => {
  const file = await capturing('peer', () => pair.ping(3))
  expect((await interfacesOf(file)).map(({ name, packets }) => [name, packets])).toEqual([['b0@a0', 6]])
  const directions = await fields(file, 'icmp.type', 'frame.packet_flags_direction')
  // What comes to the target is sent from here.
  expect(directions.filter(([type]) => type === '8').map(([, direction]) => Number(direction))).toEqual([2, 2, 2])
  expect(directions.filter(([type]) => type === '0').map(([, direction]) => Number(direction))).toEqual([1, 1, 1])
})

test('together: one number a packet at both ends, and the way between them told', async () => {
  const file = await capturing('both', async () => {
    await pair.ping(20)
  })
  const seen = await fields(file, 'frame.packet_id', 'frame.interface_name', 'icmp.type', 'icmp.seq')
  expect(seen).toHaveLength(80)
  const byId = Map.groupBy(seen, ([id = '']) => id)
  expect(byId.size).toBe(40)
  for (const [, sightings] of byId) {
    expect(sightings.map(([, nif]) => nif).sort()).toEqual(['b0', 'b0@a0'])
    expect(new Set(sightings.map(([, , ...packet]) => packet.join())).size).toBe(1)
  }
  const { stdout } = await remora(['info', '--json', file])
  const { points } = JSON.parse(stdout)
  expect(points.length).toBeGreaterThan(0)
  expect(JSON.stringify(points)).not.toMatch(/"onlyAt(?:From|To)":[1-9]/)
})

test('of a container: the end on the bridge of its engine', async () => {
  await engine.container('veth', [], ['ping', '-i', '0.2', '172.17.0.1'])
  const file = join(scratch(), 'container.pcapng')
  const args = ['capture', 'docker:veth', '--at', 'both', '-i', 'eth0', '-f', 'icmp', '-w', file, '-a', 'duration:3']
  const { status, stderr } = await remora(args)
  expect(status, stderr).toBe(0)
  const interfaces = await interfacesOf(file)
  expect(interfaces.map(({ name }) => name).sort()).toEqual(['eth0', expect.stringMatching(/^eth0@veth[0-9a-f]+$/)])
  for (const { packets } of interfaces) expect(packets).toBeGreaterThan(10)
})

test('what has no other end is refused', async () => {
  const file = join(scratch(), 'none.pcapng')
  const { status, stderr } = await remora(['capture', `named:${pair.receiver}`, '-i', 'lo', '--at', 'peer', '-w', file])
  expect([status, stderr]).toEqual([6, expect.stringMatching(/^remora: INTERFACE_NOT_FOUND: .*another end/)])
})
