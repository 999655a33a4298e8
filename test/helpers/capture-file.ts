/** What is in a capture file, by the tools of Wireshark themselves. */
import { must, run } from './command.ts'

export interface Packet {
  readonly nif: string
  readonly info: string
}

/** Packets of a file, as tshark sees them. */
export async function packetsOf(file: string): Promise<Packet[]> {
  const fields = ['-e', 'frame.interface_name', '-e', '_ws.col.Info']
  const { stdout, stderr, status } = await run(['tshark', '-r', file, '-T', 'fields', ...fields])
  if (status !== 0) throw new Error(`tshark cannot read ${file}: ${stderr}`)
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => ({ nif: line.split('\t')[0] ?? '', info: line.split('\t')[1] ?? '' }))
}

/** Sequence numbers of the ping requests in a file. */
export async function pingsIn(file: string): Promise<number[]> {
  return (await packetsOf(file)).flatMap(({ info }) => {
    const [, sequence] = /\(ping\) request.*seq=(\d+)/.exec(info) ?? []
    return sequence === undefined ? [] : [Number(sequence)]
  })
}

export interface InterfaceInfo {
  readonly name: string
  readonly description: string
  readonly packets: number
  readonly statistics: number
}

/** Interfaces of the last section of a file, by capinfos. */
export async function interfacesOf(file: string): Promise<InterfaceInfo[]> {
  const text = await must('capinfos', '-I', file)
  const last = text.slice(text.lastIndexOf('Number of interfaces in file'))
  return last
    .split(/Interface #\d+ info:/)
    .slice(1)
    .map(part => {
      const field = (name: string) => new RegExp(`${name} = (.*)`).exec(part)?.[1]?.trim() ?? ''
      return {
        name: field('Name'),
        description: field('Description'),
        packets: Number(field('Number of packets')),
        statistics: Number(field('Number of stat entries')),
      }
    })
}
