/** Real capture files to damage: by dumpcap, tcpdump, editcap, mergecap and remora, and all of the draft in either byte order. */
import { readFileSync } from 'node:fs'
import { blocksIn, everything } from '../helpers/pcapng-builder.ts'

function file(name: string): Buffer {
  return readFileSync(new URL(`corpus/${name}`, import.meta.url))
}

/** pcapng, little-endian with nanoseconds, as this machine's dumpcap writes it: what can be woven. */
export const sources: readonly Buffer[] = ['dumpcap.pcapng', 'dumpcap-two.pcapng'].map(file)

export const pcapngFiles: readonly Buffer[] = [
  ...sources,
  ...['editcap.pcapng', 'mergecap.pcapng', 'remora-direct.pcapng', 'remora-woven.pcapng'].map(file),
  ...(['LE', 'BE'] as const).map(order => Buffer.concat(everything(blocksIn(order)))),
]

/** pcap with nanoseconds. */
export const pcapFile: Buffer = file('tcpdump.pcap')
