/** Many namespaces, each flooded: every packet is captured or told to be lost, and memory stays what it is. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startCapture } from '../helpers/capture.ts'
import { must, type Running, run, sleep, start } from '../helpers/command.ts'
import { memoryOf } from '../helpers/process.ts'
import { scratch } from '../helpers/scratch.ts'

const namespaces = 32
const seconds = 60
/** Milliseconds after which what was started is ended in any case. */
const longest = 200_000

const traffic = `{ eth(da=02:00:00:00:00:02, sa=02:00:00:00:00:01), ipv4(saddr=10.2.2.1,daddr=10.2.2.2), udp(sp=1000,dp=9), fill('A',18) }`

test('32 namespaces at full rate for a minute: captured and lost make what was sent, for each of them', async () => {
  const id = `rt-flood-${process.pid}`
  const names = Array.from({ length: namespaces }, (_, index) => `${id}-${index}`)
  const folder = scratch()
  const config = join(folder, 'traffic')
  writeFileSync(config, traffic)
  const sender = `${id}-s`
  const floods: Running[] = []
  try {
    for (const name of [sender, ...names]) {
      await must('ip', 'netns', 'add', name)
      await must('nsenter', `--net=/run/netns/${name}`, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    }
    for (const [index, name] of names.entries()) {
      const peer = ['peer', 'name', 'b0', 'netns', name]
      await must('ip', '-n', sender, 'link', 'add', `a${index}`, 'type', 'veth', ...peer)
      await must('ip', '-n', sender, 'link', 'set', `a${index}`, 'up')
      await must('ip', '-n', name, 'link', 'set', 'b0', 'up')
    }
    const received = async (name: string) => {
      const devices = await must('nsenter', `--net=/run/netns/${name}`, 'cat', '/proc/net/dev')
      return Number(/^\s*b0:\s*\d+\s+(\d+)/m.exec(devices)?.[1])
    }
    const before = await Promise.all(names.map(received))
    const targets = names.map(name => `named:${name}`)
    // Nothing but a reader that takes what it can: no disk stands in the way.
    const reader = start(['cat'], { stdio: ['pipe', 'ignore', 'ignore'] }, longest)
    const capture = startCapture([...targets, '-i', 'b0', '-w', '-', '--json'], {
      output: reader.child.stdin ?? undefined,
      deadline: longest,
    })
    reader.child.stdin?.destroy()
    await capture.armed()
    for (const index of names.keys()) {
      const trafgen = ['trafgen', '-i', config, '-o', `a${index}`, '-P', '1', '-q']
      const command = ['nsenter', `--net=/run/netns/${sender}`, ...trafgen]
      floods.push(start(command, { stdio: 'ignore', detached: true }, longest))
    }
    let memory = 0
    // By the clock: a machine under such a load is late.
    for (const begun = Date.now(); Date.now() - begun < seconds * 1_000; await sleep(1_000)) {
      memory = Math.max(memory, memoryOf(capture.pid, 'RssAnon'))
    }
    await Promise.all(floods.splice(0).map(endGroup))
    // Whatever is in the kernel's buffers is taken in before the end: what a stop leaves there nobody counts.
    for (let before = -1; before !== bytesRead(reader.pid); await sleep(2_000)) before = bytesRead(reader.pid)
    capture.child.kill('SIGINT')
    const { status, stderr } = await capture.result
    expect(status, stderr).toBe(0)
    const report = JSON.parse(stderr.split('\n').find((line: string) => line.startsWith('{')) ?? '{}')
    const after = await Promise.all(names.map(received))
    for (const [index, name] of names.entries()) {
      const nif = report.interfaces.find((one: { name: string }) => one.name === `${name}/b0`)
      const sent = (after[index] ?? 0) - (before[index] ?? 0)
      expect([name, nif.received + nif.dropped]).toEqual([name, sent])
      expect(sent).toBeGreaterThan(1_000)
    }
    expect(report.complete).toBe(true)
    // MiB; the pages of the program itself are shared with every other one that runs.
    expect(memory).toBeLessThan(96)
  } finally {
    await Promise.all(floods.map(endGroup))
    for (const name of [sender, ...names]) await run(['ip', 'netns', 'del', name])
  }
}, 240_000)

/** Ends a sender with the worker it forked, which would go on without it. */
async function endGroup({ pid, result }: Running): Promise<void> {
  process.kill(-pid, 'SIGKILL')
  await result
}

/** Bytes a process has read so far (proc(5), rchar). */
function bytesRead(pid: number): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}
