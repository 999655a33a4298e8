/** Keys of a real TLS server and a real client, each in a namespace of its own: what Wireshark makes of them. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { watchKeys } from '../../src/capture/annotate/keys.ts'
import { openNamespaceFile } from '../../src/linux/namespace/netns.ts'
import { blockFrame, blockTypes, decryptionSecretsBlock, sectionHeaderBlock } from '../../src/pcapng/block.ts'
import { splitLines } from '../../src/pcapng/key-log.ts'
import { end, must, run, sleep, start, until } from '../helpers/command.ts'
import { keyLine } from '../helpers/key-lines.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
beforeAll(async () => {
  pair = await makeNetnsPair()
})
afterAll(() => pair.close())

const serverProgram = `
const { appendFileSync, readFileSync } = require('node:fs')
const [cert, key] = process.argv.slice(1).map(path => readFileSync(path))
require('node:https')
  .createServer({ cert, key }, (request, response) => response.end('page ' + request.url))
  .on('keylog', line => appendFileSync(process.env.SSLKEYLOGFILE, line))
  .listen(443, () => console.error('listening'))
`

async function certificate(): Promise<string[]> {
  const paths = ['cert.pem', 'key.pem'].map(name => join(scratch(), name))
  const [cert = '', key = ''] = paths
  const subject = ['-subj', '/CN=test', '-days', '2']
  await must('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject)
  return paths
}

/** A server whose keys go to a file that only it can see: on a file system mounted in its own mount namespace. */
async function startServer(folder: string) {
  const script = `mount -t tmpfs keys ${folder} && exec "$@"`
  const server = start(
    [
      ...['nsenter', `--net=/run/netns/${pair.receiver}`, 'unshare', '--mount', '--'],
      ...['sh', '-c', script, 'sh', process.execPath, '--eval', serverProgram, ...(await certificate())],
    ],
    { env: { ...process.env, SSLKEYLOGFILE: join(folder, 'keys') } },
  )
  await until('the server listens', () => server.stderr().includes('listening'))
  return server.child
}

async function startDumpcap(name: string, nif: string, file: string) {
  const dumpcap = start(['nsenter', `--net=/run/netns/${name}`, 'dumpcap', '-q', '-i', nif, '-w', file])
  await until('dumpcap captures', () => dumpcap.stderr().includes('File:'))
  return dumpcap.child
}

/** Ends a capture when all packets so far are in it: dumpcap is handed them every 250 ms. */
async function endDumpcap(dumpcap: ChildProcess) {
  await sleep(500)
  await end(dumpcap, 'SIGINT')
}

const fetchPage = (path: string, version: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  run(
    [
      ...['nsenter', `--net=/run/netns/${pair.sender}`, 'curl', '-skS', '--http1.1', ...version],
      `https://${receiverAddress}${path}`,
    ],
    { env: { ...process.env, ...env } },
  )

/** The blocks of a capture with keys in front of the packets. */
function withKeys(capture: Buffer, keys: readonly Buffer[]): Buffer {
  const heads: Buffer[] = []
  const packets: Buffer[] = []
  for (let at = 0; at < capture.length; ) {
    const { type, length } = blockFrame(capture, at, true) ?? { type: 0, length: capture.length }
    const isHead = type === blockTypes.sectionHeader || type === blockTypes.interfaceDescription
    ;(isHead ? heads : packets).push(capture.subarray(at, at + length))
    at += length
  }
  return Buffer.concat([...heads, ...keys, ...packets])
}

async function requestsIn(file: string): Promise<string[]> {
  const fields = ['-T', 'fields', '-e', 'http.request.uri']
  return (await must('tshark', '-r', file, '-Y', 'http.request', ...fields)).split('\n').filter(line => line !== '')
}

test.each([
  ['TLS 1.3', ['--tlsv1.3']],
  ['TLS 1.2', ['--tls-max', '1.2']],
])('HTTP of a server shows in a capture with its keys, over %s', async (_, version) => {
  const before = descriptorCount()
  const folder = scratch()
  const server = await startServer(folder)
  const namespace = openNamespaceFile(`/run/netns/${pair.receiver}`)
  const [blocks, found, controller] = [[] as Buffer[], [] as string[], new AbortController()]
  const watch = watchKeys({
    namespaces: () => [namespace],
    signal: controller.signal,
    onBlock: block => blocks.push(block),
    onFound: ({ path }) => found.push(path),
  })
  await watch.ready
  const file = join(scratch(), 'plain.pcapng')
  const dumpcap = await startDumpcap(pair.receiver, 'b0', file)
  expect((await fetchPage('/secret', version)).stdout).toBe('page /secret')
  await until('keys have come', () => blocks.length > 0)
  await endDumpcap(dumpcap)
  await end(server)
  watch.readNow()
  controller.abort()
  namespace.close()

  expect(found).toEqual([join(folder, 'keys')])
  expect(await requestsIn(file)).toEqual([])
  const readable = join(scratch(), 'readable.pcapng')
  writeFileSync(readable, withKeys(readFileSync(file), blocks))
  expect(await requestsIn(readable)).toEqual(['/secret'])
  await must('capinfos', readable)
  expect(descriptorCount()).toBe(before)
})

test('HTTP of a client shows with the keys of a file that is named', async () => {
  const keys = join(scratch(), 'keys')
  const server = await startServer(scratch())
  const [blocks, controller] = [[] as Buffer[], new AbortController()]
  const watch = watchKeys({ files: [keys], signal: controller.signal, onBlock: block => blocks.push(block) })
  await watch.ready
  const file = join(scratch(), 'plain.pcapng')
  const dumpcap = await startDumpcap(pair.sender, 'a0', file)
  await fetchPage('/one', [], { SSLKEYLOGFILE: keys })
  await fetchPage('/two', [])
  await fetchPage('/three', [], { SSLKEYLOGFILE: keys })
  watch.readNow()
  await endDumpcap(dumpcap)
  await end(server)
  controller.abort()
  const readable = join(scratch(), 'readable.pcapng')
  writeFileSync(readable, withKeys(readFileSync(file), blocks))
  expect(await requestsIn(readable)).toEqual(['/one', '/three'])
})

test('many keys in a file are read by every tool, and by the reader of pipes', async () => {
  const lines = Buffer.from(Array.from({ length: 2_000 }, (_, index) => keyLine(index)).join(''))
  const blocks = [...splitLines(lines, 200_000)].map(piece => decryptionSecretsBlock(piece))
  expect(blocks.length).toBeGreaterThan(1)
  const file = join(scratch(), 'keys.pcapng')
  writeFileSync(file, Buffer.concat([sectionHeaderBlock('remora', 'keys'), ...blocks]))
  await must('capinfos', file)
  await must('tshark', '-r', file)
  const piped = join(scratch(), 'piped.pcapng')
  const reader = start(['dumpcap', '-q', '-i', '-', '-w', piped], { stdio: ['pipe', 'pipe', 'pipe'] })
  reader.child.stdin?.end(readFileSync(file))
  expect(await reader.result).toMatchObject({ status: 0 })
  for (const block of blocks) expect(readFileSync(piped).includes(block)).toBe(true)
})
