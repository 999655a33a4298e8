/** Packets that are handed on at once, up to the very last one before an interface is removed. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startCapture } from '../helpers/capture.ts'
import { interfacesOf, packetsOf, pingsIn } from '../helpers/capture-file.ts'
import { must, run, sleep, start, until } from '../helpers/command.ts'
import { untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

async function untilCaptured(pair: NetnsPair): Promise<void> {
  const { ino } = statSync(`/run/netns/${pair.receiver}`)
  await untilReading(ino, { program: 'tcpdump' })
}

test('the last packet before an interface goes is there, 48 times of 50 at least', async () => {
  const pair = await makeNetnsPair()
  const file = join(scratch(), 'last.pcapng')
  const kills = 50
  try {
    const args = ['--immediate', '--follow', '-i', 'b0', '-w', file, '--json']
    const capture = startCapture([`named:${pair.receiver}`, ...args])
    for (let kill = 0; kill < kills; kill++) {
      if (kill > 0) await pair.remake()
      await untilCaptured(pair)
      const script = `ping -q -c 20 -i 0.002 ${receiverAddress} >/dev/null; ip link del a0`
      await must('nsenter', `--net=/run/netns/${pair.sender}`, 'sh', '-c', script)
    }
    await sleep(300)
    capture.child.kill('SIGINT')
    const { status, stdout, stderr } = await capture.result
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ lives: kills, complete: true })
    const last = (await pingsIn(file)).filter(sequence => sequence === 20)
    expect(last.length).toBeGreaterThanOrEqual(48)
    const interfaces = await interfacesOf(file)
    expect(interfaces.filter(({ name }) => name === 'b0').length).toBe(kills)
    expect(interfaces.every(({ statistics }) => statistics === 1)).toBe(true)
  } finally {
    await pair.close()
  }
}, 180_000)

test('a packet is in the file within a moment, with the interface as dumpcap describes it', async () => {
  const pair = await makeNetnsPair()
  const folder = scratch()
  try {
    const capture = async (file: string, ...args: string[]) => {
      const running = startRemora(['capture', `named:${pair.receiver}`, '-i', 'b0', '-f', 'icmp', '-w', file, ...args])
      const { ino } = statSync(`/run/netns/${pair.receiver}`)
      const tool = args.includes('--immediate') ? 'tcpdump' : 'dumpcap'
      await untilReading(ino, { program: tool })
      await pair.ping(1)
      if (tool === 'tcpdump') {
        await until('the packet is written', async () => (await packetsOf(`${file}.partial`)).length === 2, 2_000)
      }
      await sleep(400)
      running.child.kill('SIGINT')
      expect((await running.result).status).toBe(0)
      return must('sh', '-c', `capinfos -I "$1" | sed -n '/Interface #0/,$p' | grep -v Speed`, 'sh', file)
    }
    const plain = await capture(join(folder, 'plain.pcapng'), '--direction')
    const immediate = await capture(join(folder, 'immediate.pcapng'), '--immediate')
    expect(immediate).toBe(plain)
    expect((await run(['tcpdump', '-r', join(folder, 'immediate.pcapng')])).status).toBe(0)
  } finally {
    await pair.close()
  }
}, 60_000)

test('failures are told as ever', async () => {
  const pair = await makeNetnsPair()
  try {
    const args = ['capture', `named:${pair.receiver}`, '--immediate', '-w', join(scratch(), 'x')]
    const filter = await remora([...args, '-f', 'tcp prt 80'])
    expect([filter.status, filter.stderr]).toEqual([6, expect.stringMatching(/^remora: FILTER_INVALID: /)])
    const nif = await remora([...args, '-i', 'nope'])
    expect([nif.status, nif.stderr]).toEqual([6, expect.stringMatching(/^remora: INTERFACE_NOT_FOUND: /)])
  } finally {
    await pair.close()
  }
})

test('packets above 64 KiB are cut, and a line says so', async () => {
  const pair = await makeNetnsPair()
  try {
    for (const [name, nif, address] of [
      [pair.sender, 'a0', 'fd00:66::1/64'],
      [pair.receiver, 'b0', 'fd00:66::2/64'],
    ] as const) {
      const big = ['gso_max_size', '185000', 'gro_max_size', '185000']
      await must('ip', '-n', name, 'link', 'set', nif, ...big)
      await must('nsenter', `--net=/run/netns/${name}`, 'sysctl', '-qw', `net.ipv6.conf.${nif}.disable_ipv6=0`)
      await must('ip', '-n', name, '-6', 'addr', 'add', address, 'dev', nif, 'nodad')
    }
    const receive = `import socket, sys
s = socket.create_server(('fd00:66::2', 7777), family=socket.AF_INET6)
print('listening', file=sys.stderr, flush=True)
c, _ = s.accept()
while c.recv(1 << 20): pass`
    const send = `import socket
s = socket.create_connection(('fd00:66::2', 7777))
for _ in range(16): s.sendall(b'x' * (1 << 20))`
    const receiver = start(['nsenter', `--net=/run/netns/${pair.receiver}`, 'python3', '-c', receive])
    await until('it listens', () => receiver.stderr().includes('listening'))
    const args = [`named:${pair.receiver}`, '-i', 'b0', '--immediate', '-w', join(scratch(), 'big.pcapng')]
    const capture = startCapture(args)
    await capture.armed()
    await must('nsenter', `--net=/run/netns/${pair.sender}`, 'python3', '-c', send)
    await receiver.result
    await until('it is told', () => /^long packets of \S*b0 are cut \(BIG TCP\): /m.test(capture.stderr()))
    capture.child.kill('SIGINT')
    const { status, stderr } = await capture.result
    expect([status, stderr.match(/BIG TCP/g)?.length]).toEqual([0, 1])
  } finally {
    await pair.close()
  }
}, 60_000)
