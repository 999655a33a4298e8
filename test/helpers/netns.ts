/** Two network namespaces with a veth pair between them, made for one test and taken away after it. */
import { randomBytes } from 'node:crypto'
import { must, run, until } from './command.ts'

export interface NetnsPair {
  /** Name of the namespace packets are sent from. */
  readonly sender: string
  /** Name of the namespace that is captured; its interface is `b0`. */
  readonly receiver: string
  /** Sends numbered pings from sender to receiver. */
  ping(count: number, interval?: number): Promise<void>
  /** Takes both away and makes them anew, under the same names. */
  remake(): Promise<void>
  close(): Promise<void>
}

export const receiverAddress = '10.213.7.2'

/** Makes a pair; needs root. */
export async function makeNetnsPair(): Promise<NetnsPair> {
  if (process.geteuid?.() !== 0) throw new Error('this test makes network namespaces and needs root')
  const id = randomBytes(4).toString('hex')
  const [sender, receiver] = [`rt-${id}-a`, `rt-${id}-b`]
  const ends = [
    { name: sender, nif: 'a0', address: '10.213.7.1', mac: '02:00:00:00:00:01' },
    { name: receiver, nif: 'b0', address: receiverAddress, mac: '02:00:00:00:00:02' },
  ] as const
  const make = () => makePair(sender, receiver, ends)
  const remove = async () => {
    for (const name of [sender, receiver]) await run(['ip', 'netns', 'del', name])
  }
  await make()
  return {
    sender,
    receiver,
    async ping(count, interval = 0.02) {
      const enter = ['nsenter', `--net=/run/netns/${sender}`]
      await must(...enter, 'ping', '-q', '-c', String(count), '-i', String(interval), receiverAddress)
    },
    async remake() {
      await remove()
      await make()
    },
    close: remove,
  }
}

interface End {
  readonly name: string
  readonly nif: string
  readonly address: string
  readonly mac: string
}

async function makePair(sender: string, receiver: string, ends: readonly [End, End]): Promise<void> {
  for (const { name } of ends) await must('ip', 'netns', 'add', name)
  await must('ip', '-n', sender, 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'b0', 'netns', receiver)
  for (const [index, { name, nif, address, mac }] of ends.entries()) {
    const other = ends[1 - index] ?? ends[0]
    // Quiet: no router solicitations, no address resolution, only what a test sends.
    await must('nsenter', `--net=/run/netns/${name}`, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    await must('ip', '-n', name, 'link', 'set', nif, 'address', mac)
    await must('ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', nif)
    for (const up of ['lo', nif]) await must('ip', '-n', name, 'link', 'set', up, 'up')
    await must(
      'ip',
      '-n',
      name,
      'neigh',
      'add',
      other?.address ?? '',
      'lladdr',
      other?.mac ?? '',
      'dev',
      nif,
      'nud',
      'permanent',
    )
  }
  for (const { name, nif } of ends) await until(`${nif} is up`, () => isUp(name, nif))
}

/** The kernel throws away what is sent before a work queue has noticed the carrier (net/core/link_watch.c). */
async function isUp(namespace: string, nif: string): Promise<boolean> {
  return /\bstate UP\b/.test((await must('ip', '-n', namespace, 'link', 'show', nif)).toString())
}
