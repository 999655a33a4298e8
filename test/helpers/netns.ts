/** Two network namespaces with a veth pair between them, made for one test and taken away after it. */
import { randomBytes } from 'node:crypto'
import { must, run } from './command.ts'

export interface NetnsPair {
  /** Name of the namespace packets are sent from. */
  readonly sender: string
  /** Name of the namespace that is captured; its interface is `b0`. */
  readonly receiver: string
  /** Sends numbered pings from sender to receiver. */
  ping(count: number, interval?: number): Promise<void>
  close(): Promise<void>
}

export const receiverAddress = '10.213.7.2'

/** Makes a pair; needs root. */
export async function makeNetnsPair(): Promise<NetnsPair> {
  if (process.geteuid?.() !== 0) throw new Error('this test makes network namespaces and needs root')
  const id = randomBytes(4).toString('hex')
  const [sender, receiver] = [`rt-${id}-a`, `rt-${id}-b`]
  for (const name of [sender, receiver]) {
    await must('ip', 'netns', 'add', name)
    await must('ip', '-n', name, 'link', 'set', 'lo', 'up')
  }
  await must('ip', '-n', sender, 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'b0', 'netns', receiver)
  await must('ip', '-n', sender, 'addr', 'add', '10.213.7.1/24', 'dev', 'a0')
  await must('ip', '-n', receiver, 'addr', 'add', `${receiverAddress}/24`, 'dev', 'b0')
  await must('ip', '-n', sender, 'link', 'set', 'a0', 'up')
  await must('ip', '-n', receiver, 'link', 'set', 'b0', 'up')
  return {
    sender,
    receiver,
    async ping(count, interval = 0.02) {
      await must('nsenter', `--net=/run/netns/${sender}`, 'ping', '-q', '-c', String(count), '-i', String(interval), receiverAddress)
    },
    async close() {
      for (const name of [sender, receiver]) await run(['ip', 'netns', 'del', name])
    },
  }
}
