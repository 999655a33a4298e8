/**
 * The rights of the service: a plain user with five capabilities does all of its work, and without any one of them some
 * of it fails, each another part. So the list is neither too short nor too long.
 */
import { chmodSync, chownSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { serviceCapabilities } from '../../src/setup/service-unit.ts'
import { asService, capabilitiesIn, plainUser, standardPath } from '../helpers/capabilities.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Running, start, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { processesIn } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let engine: Docker
let pair: NetnsPair
beforeAll(async () => {
  engine = await startDocker()
  pair = await makeNetnsPair()
  await engine.container('web', [], ['ping', '-i', '0.1', '127.0.0.1'])
  const chain = 'add table ip lab; add chain ip lab pre { type nat hook prerouting priority -100; };'
  const rule = 'add rule ip lab pre tcp dport 18080 dnat to 10.213.7.1:80'
  await must('nsenter', `--net=/run/netns/${pair.receiver}`, 'nft', `${chain} ${rule}`)
})
afterAll(async () => {
  await pair?.close()
  await engine?.close()
})

let service: Running | undefined
afterEach(async () => {
  if (service !== undefined) await end(service.child, 'SIGTERM')
  service = undefined
})

/** Starts the service as such a user; where it answers. */
async function startAs(command: readonly string[]): Promise<string> {
  const folder = scratch()
  chownSync(folder, plainUser, plainUser)
  const running = start([...command, `TMPDIR=${folder}`, executable, 'serve', '--listen', '127.0.0.1:0'], { cwd: '/' })
  service = running
  const address = () => /"addresses":\["(.*?)"\]/.exec(running.stderr())?.[1]
  await until('the service listens', () => address() !== undefined || running.child.exitCode !== null)
  return `http://${address()}`
}

/** Captures some pings, and says how many; or the code of what stands against it. */
async function capture(base: string, target: string): Promise<'packets' | string> {
  const body = JSON.stringify({ target, interfaces: ['lo'], filter: 'icmp', stop: { packets: 4, duration: 5 } })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${base}/v1/captures`, { method: 'POST', headers, body })
  const { path, error } = (await answer.json()) as { path: string; error?: { code: string } }
  if (error !== undefined) return error.code
  const file = join(scratch(), 'capture.pcapng')
  writeFileSync(file, Buffer.from(await (await fetch(`${base}${path}.pcapng`)).arrayBuffer()))
  return (await pingsIn(file)).length > 0 ? 'packets' : 'nothing'
}

/** All the work a service has, and what comes of it. */
async function work(base: string): Promise<Record<string, unknown>> {
  const ping = (...enter: string[]) => start([...enter, 'ping', '-i', '0.1', '127.0.0.1'])
  const pings = [ping(), ping('nsenter', `--net=/run/netns/${pair.receiver}`)]
  try {
    const { targets } = (await (await fetch(`${base}/v1/targets`)).json()) as { targets: { name: string }[] }
    const topology = await (await fetch(`${base}/json`)).text()
    const [container, process, named, host] = await Promise.all(
      ['docker:web', `pid:${pings[1]?.pid}`, `named:${pair.receiver}`, 'host'].map(target => capture(base, target)),
    )
    return {
      names: targets.some(({ name }) => name === 'web'),
      ports: topology.includes('18080'),
      container,
      process,
      named,
      host,
    }
  } finally {
    for (const { child } of pings) await end(child)
  }
}

const everything = {
  names: true,
  ports: true,
  ...{ container: 'packets', process: 'packets', named: 'packets', host: 'packets' },
}

test('with all of them a plain user does everything, and has no others', async () => {
  const base = await startAs(asService())
  const status = readFileSync(`/proc/${service?.pid}/status`, 'utf8')
  expect(status).toMatch(new RegExp(`^Uid:\\s+${plainUser}\\s+${plainUser}\\s+${plainUser}\\s+${plainUser}$`, 'm'))
  expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    expect([set, ...capabilitiesIn(status, set)]).toEqual([set, ...serviceCapabilities])
  expect(await work(base)).toEqual(everything)
})

test.each<[string, object, string, string[]]>([
  ['dumpcap', {}, 'dumpcap', []],
  ['tcpdump', { immediate: true }, 'tcpdump', ['CAP_NET_RAW']],
])('%s keeps no more than it needs once it captures', async (_, how, program, kept) => {
  const base = await startAs(asService())
  const body = JSON.stringify({ target: `named:${pair.receiver}`, interfaces: ['lo'], ...how })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${base}/v1/captures`, { method: 'POST', headers, body })
  const { path, netns } = (await answer.json()) as { path: string; netns: number }
  const stream = await fetch(`${base}${path}.pcapng`)
  const status = () => processesIn(netns, program, () => true).map(pid => readFileSync(`/proc/${pid}/status`, 'utf8'))
  await until(`${program} has given its rights up`, () =>
    status().some(text => String(capabilitiesIn(text, 'CapEff')) === String(kept)),
  )
  const [text = ''] = status()
  expect(capabilitiesIn(text, 'CapPrm')).toEqual(kept)
  expect(text).toMatch(new RegExp(`^Uid:\\s+${plainUser}\\s`, 'm'))
  expect(text).toMatch(/^NoNewPrivs:\s+1$/m)
  await stream.body?.cancel()
})

const forbidden = { container: 'FORBIDDEN', process: 'FORBIDDEN', named: 'FORBIDDEN' }

test.each<[(typeof serviceCapabilities)[number], string, Partial<Record<keyof typeof everything, unknown>>]>([
  ['CAP_DAC_OVERRIDE', 'engines of root stay closed', { names: false, container: 'TARGET_NOT_FOUND' }],
  ['CAP_NET_ADMIN', 'forwarded ports stay unknown', { ports: false }],
  ['CAP_NET_RAW', 'nothing at all is captured', { ...forbidden, host: 'FORBIDDEN' }],
  ['CAP_SYS_ADMIN', 'no namespace is entered', { ...forbidden, ports: false }],
  [
    'CAP_SYS_PTRACE',
    'no process of others is looked into',
    { names: false, container: 'TARGET_NOT_FOUND', process: 'FORBIDDEN' },
  ],
])('without %s %s', async (capability, _, failing) => {
  const base = await startAs(asService(serviceCapabilities.filter(name => name !== capability)))
  expect(await work(base)).toEqual({ ...everything, ...failing })
})

test('without CAP_NET_ADMIN a dumpcap that was set up for a group is not executed', async () => {
  const folder = scratch()
  chmodSync(folder, 0o755)
  copyFileSync('/usr/bin/dumpcap', join(folder, 'dumpcap'))
  await must('setcap', 'cap_net_raw,cap_net_admin=eip', join(folder, 'dumpcap'))
  const path = `${folder}:${standardPath}`
  const fewer = serviceCapabilities.filter(name => name !== 'CAP_NET_ADMIN')
  expect(await capture(await startAs(asService(fewer, path)), 'docker:web')).not.toBe('packets')
  if (service !== undefined) await end(service.child, 'SIGTERM')
  expect(await capture(await startAs(asService(serviceCapabilities, path)), 'docker:web')).toBe('packets')
})
