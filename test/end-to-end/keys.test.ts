/** TLS keys of real servers and clients in containers, in a capture that Wireshark decrypts while it runs. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, run, sleep, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { remora, startRemora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { serve } from '../helpers/service.ts'
import { wiresharks } from '../helpers/wireshark.ts'

const serverProgram = `
const { appendFileSync, readFileSync } = require('node:fs')
require('node:https')
  .createServer({ cert: readFileSync('/tls/cert.pem'), key: readFileSync('/tls/key.pem') }, (request, response) =>
    response.end('page ' + request.url))
  .on('keylog', line => appendFileSync(process.env.SSLKEYLOGFILE, line))
  .listen(443)
`

let engine: Docker
let address = ''
beforeAll(async () => {
  engine = await startDocker()
  const folder = scratch()
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  await must('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, '-subj', '/CN=test', '-days', '2')
  // The images of the tests hold next to nothing, so the programs are the host's.
  const programs = ['/usr', '/lib', '/lib64', '/etc/ssl'].flatMap(path => ['-v', `${path}:${path}:ro`])
  const options = [...programs, '-v', `${process.execPath}:/node:ro`, '-v', `${folder}:/tls:ro`]
  const keys = ['-e', 'SSLKEYLOGFILE=/keys.log']
  await engine.container('tls-server', [...options, ...keys], ['/node', '--eval', serverProgram])
  const inspect = ['inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'tls-server']
  address = (await engine.docker(...inspect)).trim()
  const fetching = `while true; do /usr/bin/curl -sk --http1.1 https://${address}/secret; sleep 0.3; done`
  await engine.container('tls-client', [...options, ...keys], ['sh', '-c', fetching])
})
afterAll(() => engine?.close())

/** Requests a file shows without any key but its own. */
async function requestsIn(file: string): Promise<string[]> {
  const fields = ['-T', 'fields', '-e', 'http.request.uri', '-e', 'frame.interface_name']
  const { stdout } = await run(['tshark', '-r', file, '-Y', 'http.request', ...fields])
  return [...new Set(stdout.split('\n').filter(line => line !== ''))].sort()
}

describe.each(wiresharks.map(wireshark => [wireshark.version, wireshark] as const))(
  'Wireshark %s',
  (_, { startTshark }) => {
    test('shows HTTP of TLS connections while it captures them', async () => {
      const options = [
        'extcap.remora.reference:docker:tls-server docker:tls-client',
        'extcap.remora.interface:eth0',
        'extcap.remora.tlskeys:true',
      ].flatMap(text => ['-o', text])
      const fields = [
        '-l',
        '-Y',
        'http.request',
        '-T',
        'fields',
        '-e',
        'http.request.uri',
        '-e',
        'frame.interface_name',
      ]
      const tshark = startTshark(['-i', 'remora', ...options, ...fields], wiresharkHome())
      let said = ''
      tshark.child.stdout?.on('data', chunk => {
        said += chunk
      })
      try {
        // What comes at the second end is a retransmission to Wireshark, so one of the two shows.
        const shows = () => /^\/secret\ttls-(?:server|client)\/eth0$/m.test(said)
        await until('requests show', shows, 20_000)
      } finally {
        tshark.child.kill('SIGINT')
        await tshark.result
      }
    }, 60_000)
  },
)

test('keys are in the file when they were asked for, and nowhere else', async () => {
  const folder = scratch()
  const log = join(folder, 'log')
  const capture = async (file: string, ...args: string[]) => {
    const env = { REMORA_LOG_FILE: log, REMORA_LOG_LEVEL: 'debug' }
    const options = ['-i', 'eth0', '-a', 'duration:3', '-w', join(folder, file), ...args]
    const { status, stderr } = await remora(['capture', 'docker:tls-server', ...options], { env })
    expect([status, stderr]).toEqual([0, ''])
    return requestsIn(join(folder, file))
  }
  expect(await capture('without.pcapng')).toEqual([])
  expect(await capture('with.pcapng', '--tls-keys')).toEqual(['/secret\teth0'])
  const keys = await engine.docker('exec', 'tls-server', 'cat', '/keys.log')
  const [, random = 'none', secret = 'none'] = /^\w+ ([0-9a-f]{64}) ([0-9a-f]+)$/m.exec(keys) ?? []
  for (const text of [random, secret]) expect(await must('cat', log)).not.toContain(text)
  expect(await must('strings', join(folder, 'without.pcapng'))).not.toContain(random)
}, 60_000)

test('a service gives keys only when it was told to', async () => {
  const strict = await serve()
  const open = await serve(['--allow-tls-keys'])
  try {
    const file = join(scratch(), 'service.pcapng')
    const args = ['capture', 'docker:tls-server', '-i', 'eth0', '--tls-keys', '-w', file, '-a', 'duration:3']
    const refused = await remora([...args, '--host', strict.url])
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringMatching(/FORBIDDEN: .*no TLS keys/)])
    const answer = await strict.ask({ target: 'docker:tls-server', tlsKeys: true })
    expect(answer.status).toBe(403)
    expect((await remora([...args, '--host', open.url])).status).toBe(0)
    expect(await requestsIn(file)).toEqual(['/secret\teth0'])
    const own = await remora([...args, '--keylog', '/etc/hostname', '--host', open.url])
    expect([own.status, own.stderr]).toEqual([2, expect.stringMatching(/USAGE: a key log file of this machine/)])
  } finally {
    await strict.close()
    await open.close()
  }
}, 60_000)

test('a packet waits no longer than it must for its keys', async () => {
  const file = join(scratch(), 'held.pcapng')
  const capture = startRemora(['capture', 'docker:tls-server', '-i', 'eth0', '--tls-keys', '-w', file])
  await until('there are packets', async () => (await requestsIn(`${file}.partial`)).length > 0, 20_000)
  await sleep(200)
  capture.child.kill('SIGINT')
  expect((await capture.result).status).toBe(0)
}, 60_000)
