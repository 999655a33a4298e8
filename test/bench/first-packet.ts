/** From the call to the first packet in the file, of a container that pings a hundred times a second. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { end, must, sleep } from '../helpers/command.ts'
import type { Docker } from '../helpers/docker.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { blockSplitter, blockType, packetTime } from '../helpers/split.ts'
import { inTurn, median, type Row, row } from './measure.ts'
import { startService } from './service.ts'
import { startTime } from './start.ts'

const rounds = 15
/** Milliseconds a service has been up before it is asked. */
const settled = 10_000

/**
 * The time in the first packet, less that of the call: what happened before it was missed. Bare is dumpcap in the namespace of
 * the same container, whose process is known.
 */
export async function firstPacketRows({ env, container, docker }: Docker, hello: string): Promise<Row[]> {
  const folder = scratch()
  const fifo = join(folder, 'fifo')
  await must('mkfifo', fifo)
  await container('bench-first', [], ['ping', '-q', '-i', '0.01', '172.17.0.1'])
  const pid = await docker('inspect', '-f', '{{.State.Pid}}', 'bench-first')
  const settings = environment({ DOCKER_HOST: env.DOCKER_HOST })
  const service = await startService(settings)
  const call = (command: readonly string[]) => async () => {
    const reader = createReadStream(fifo)
    const began = Date.now()
    const [program = '', ...args] = command
    const child = spawn(program, args, { env: settings, stdio: 'ignore' })
    return (await timeOfFirstPacket(reader, child)) - began
  }
  const capture = [executable, 'capture', 'docker:bench-first', '-i', 'eth0', '-w', fifo]
  const bare = ['sh', '-c', `exec nsenter -t ${pid} -n dumpcap -q -i eth0 -w - > ${fifo}`]
  await sleep(settled)
  const { theirs, local, remote, node } = await inTurn(rounds, {
    theirs: call(bare),
    local: call(capture),
    remote: call([...capture, '--host', service.address]),
    node: () => startTime([hello]),
  })
  await service.close()
  const compared = {
    ...{ unit: 'ms', counterpart: 'nsenter dumpcap', bare: theirs },
    must: { atMost: Math.round(median(theirs) + 1.3 * median(node) + 20) },
    note: `allowed: bare, 1.3 × one start of node (${median(node).toFixed(0)} ms), and 20 ms`,
  }
  return [
    row('first packet of a container, from the call', { ...compared, values: local }),
    row('… through a service', { ...compared, values: remote }),
  ]
}

/** Milliseconds since 1970; the capture is ended when its first packet has come. */
async function timeOfFirstPacket(stream: NodeJS.ReadableStream, writer: ChildProcess): Promise<number> {
  const splitter = blockSplitter()
  for await (const chunk of stream) {
    const packet = splitter.push(chunk as Buffer).find(block => blockType(block) === 6)
    if (packet === undefined) continue
    await end(writer, 'SIGTERM')
    return Number(packetTime(packet)) / 1e6
  }
  throw new Error('the capture ended without a packet')
}
