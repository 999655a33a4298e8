/**
 * What users of other capture programs have reported in public, tried with remora. Each test names the reports. They run at the
 * same time, each in namespaces of its own: most of them wait.
 */
import { copyFileSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startCapture } from '../helpers/capture.ts'
import { interfacesOf, packetsOf } from '../helpers/capture-file.ts'
import { end, must, run, start, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { serve } from '../helpers/service.ts'

/** Runs a test between two namespaces of its own. */
async function between(body: (pair: NetnsPair, file: string) => Promise<void>): Promise<void> {
  const pair = await makeNetnsPair()
  try {
    await body(pair, join(scratch(), 'packets.pcapng'))
  } finally {
    await pair.close()
  }
}

const within = (name: string, ...command: string[]) => must('nsenter', `--net=/run/netns/${name}`, ...command)

describe.concurrent('reports', () => {
  describe('namespaces', () => {
    // containerd 10431, kubernetes 125888, moby 17487, systemd 32339
    test('an empty file and a dangling link in /run/netns hide nothing, and are not found', () =>
      between(async ({ receiver }) => {
        const [stale, dangling] = [`${receiver}-stale`, `${receiver}-dangling`]
        writeFileSync(`/run/netns/${stale}`, '')
        symlinkSync(`/run/docker/netns/${dangling}`, `/run/netns/${dangling}`)
        try {
          const { status, stdout } = await remora(['list', receiver])
          expect([status, stdout]).toEqual([0, expect.stringContaining(receiver)])
          for (const name of [stale, dangling]) {
            const refused = await remora(['capture', `named:${name}`, '--dry-run'])
            expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining(name)])
          }
        } finally {
          for (const name of [stale, dangling]) rmSync(`/run/netns/${name}`)
        }
      }))

    // clab-api-server 147
    test('two names of one namespace are one capture, with each packet once', () =>
      between(async ({ receiver, ping }, file) => {
        const { ino } = statSync(`/run/netns/${receiver}`)
        const capture = startCapture([`named:${receiver}`, `netns:${ino}`, '-i', 'b0', '-w', file])
        await capture.armed()
        await ping(5)
        capture.child.kill('SIGINT')
        expect((await capture.result).status, capture.stderr()).toBe(0)
        expect(await packetsOf(file)).toHaveLength(10)
      }))

    // ntopng 8407 and 7584
    test('80 interfaces that are up are all captured', () =>
      between(async ({ receiver }, file) => {
        const lines = Array.from({ length: 80 }, (_, n) => `link add e${n} type bridge\nlink set e${n} up\n`)
        const batch = join(scratch(), 'batch')
        writeFileSync(batch, lines.join(''))
        await must('ip', '-n', receiver, '-b', batch)
        const capture = startCapture([`named:${receiver}`, '-w', file])
        await capture.armed()
        capture.child.kill('SIGINT')
        expect((await capture.result).status, capture.stderr()).toBe(0)
        expect(await interfacesOf(file)).toHaveLength(82)
      }))
  })

  describe('interfaces and packets', () => {
    // moby 43592, lxc 3696
    test('an interface that is renamed while it is captured goes on under its new name', () =>
      between(async ({ receiver, ping }, file) => {
        const capture = startCapture([`named:${receiver}`, '--direction', '-w', file])
        await capture.armed()
        for (const change of [['down'], ['name', 'new9'], ['up']]) {
          await must('ip', '-n', receiver, 'link', 'set', change[0] === 'up' ? 'new9' : 'b0', ...change)
        }
        await capture.logged('/new9 is captured')
        // Its neighbour has gone with the link.
        const neighbour = ['10.213.7.1', 'lladdr', '02:00:00:00:00:01', 'dev', 'new9', 'nud', 'permanent']
        await must('ip', '-n', receiver, 'neigh', 'replace', ...neighbour)
        await ping(5)
        capture.child.kill('SIGINT')
        expect((await capture.result).status, capture.stderr()).toBe(0)
        expect((await packetsOf(file)).filter(({ nif }) => nif === 'new9')).toHaveLength(10)
      }))

    // inspektor-gadget 5504
    test.each(['--direction', '--immediate'])('frames of 9,000 bytes are kept whole with %s', option =>
      between(async ({ receiver, sender }, file) => {
        await must('ip', '-n', receiver, 'link', 'set', 'b0', 'mtu', '9000')
        await must('ip', '-n', sender, 'link', 'set', 'a0', 'mtu', '9000')
        const capture = startCapture([`named:${receiver}`, '-i', 'b0', option, '-w', file])
        await capture.armed()
        await within(sender, 'ping', '-q', '-c', '3', '-i', '0.05', '-s', '8900', '10.213.7.2')
        capture.child.kill('SIGINT')
        expect((await capture.result).status, capture.stderr()).toBe(0)
        const lengths = await must('tshark', '-r', file, '-T', 'fields', '-e', 'frame.len', '-e', 'frame.cap_len')
        expect(lengths.trim().split('\n')).toEqual(Array(6).fill('8942\t8942'))
      }),
    )
  })

  // pyshark 326, pktvisor 111, Sniffle 42
  test('folders with blanks and umlauts, and a filter with blanks and parentheses, through tshark', () =>
    between(async ({ receiver, ping }) => {
      const place = scratch()
      const [home, temporary] = [join(place, 'my höme'), join(place, 't m p')]
      mkdirSync(join(home, '.config/wireshark/extcap'), { recursive: true })
      mkdirSync(temporary)
      copyFileSync(executable, join(home, '.config/wireshark/extcap/remora'))
      const filter = 'icmp and (host 10.213.7.1 or host 10.213.7.2)'
      const log = join(place, 'log')
      const tshark = start(
        ['tshark', '-n', '-i', 'remora', '-o', `extcap.remora.target:named:${receiver}`, '-f', filter, '-c', '4'],
        { env: environment({ HOME: home, TMPDIR: temporary, REMORA_LOG_FILE: log }) },
      )
      await until('it captures', async () => (await run(['grep', '-q', 'is armed', log])).status === 0, 30_000)
      await ping(2)
      const { status, stdout, stderr } = await tshark.result
      expect(status, stderr).toBe(0)
      expect(stdout.match(/ICMP/g)).toHaveLength(4)
    }))

  describe('services', () => {
    // actual-server 337, aurral 686, c-lightning-REST 163
    test('where IPv6 is switched off a service listens on 127.0.0.1 all the same', () =>
      between(async ({ receiver }) => {
        await within(receiver, 'sysctl', '-qw', 'net.ipv6.conf.lo.disable_ipv6=1')
        const enter = ['nsenter', `--net=/run/netns/${receiver}`]
        const service = start([...enter, executable, 'serve'], { env: environment({ TMPDIR: scratch() }) })
        try {
          const asks = ['curl', '-sf', 'http://127.0.0.1:5001/version']
          await until('it answers', async () => (await run([...enter, ...asks])).status === 0, 30_000)
        } finally {
          await end(service.child)
        }
      }))

    // pixiu 1056, websockets/ws 2283, get-dat 40; nginx cuts after 60 s, this proxy after 20 s
    test('a proxy that cuts connections that are idle does not cut a capture without packets', () =>
      between(async ({ receiver }, file) => {
        const service = await serve()
        const proxy = await impatientProxy(service.port, 20_000)
        try {
          const silent = ['-i', 'lo', '-f', 'port 9', '-a', 'duration:26', '--json']
          const host = ['--host', `http://127.0.0.1:${proxy.port}`]
          const { status, stdout, stderr } = await remora([
            'capture',
            `named:${receiver}`,
            ...silent,
            ...host,
            '-w',
            file,
          ])
          expect(status, stderr).toBe(0)
          expect(JSON.parse(stdout)).toMatchObject({ end: 'stop-condition', complete: true })
          expect(proxy.cut()).toBe(0)
        } finally {
          proxy.close()
          await service.close()
        }
      }))
  })
})

/** A proxy that ends a connection on which the service has sent nothing for so many milliseconds. */
async function impatientProxy(port: number, patience: number) {
  const sockets = new Set<Socket>()
  let cut = 0
  const server = createServer(client => {
    const service = connect(port, '127.0.0.1')
    for (const socket of [client, service]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    }
    service.setTimeout(patience, () => {
      cut++
      service.destroy()
      client.destroy()
    })
    client.pipe(service).pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut: () => cut,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
