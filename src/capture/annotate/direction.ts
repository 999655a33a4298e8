/**
 * Whether a packet was received or sent, as epb_flags tell it (draft-ietf-opsawg-pcapng §4.3.1). The kernel hands that to
 * whoever asks for it, dumpcap does not pass it on; what remains is the source address: a packet from the interface's own
 * address was sent. Cooked packets carry the answer of the kernel.
 */
import { addressBytes } from '../../base/ip.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { Decoration } from '../../pcapng/decorate.ts'
import { packetField } from '../../pcapng/lane.ts'
import type { Slab } from '../../pcapng/slab.ts'

/** What an interface is known by. */
export type DirectedInterface = Pick<NetworkInterface, 'loopback' | 'addresses'> & {
  readonly mac?: string
  /** Packets from that address are received here: it is the other end that has it. */
  readonly peer?: boolean
}

/** Adds to a packet; `at` is the word of the slab where its block begins. */
export type Direct = (slab: Slab, at: number, added: Decoration) => void

const inbound = 1
const outbound = 2
const reception = { unicast: 1 << 2, multicast: 2 << 2, broadcast: 3 << 2, promiscuous: 4 << 2 } as const

/** LINKTYPE_ values (https://www.tcpdump.org/linktypes.html). */
const linkTypes = { ethernet: 1, raw: [12, 14, 101, 228, 229], cooked: 113, cooked2: 276 } as const

/** Packet types of a cooked header (PACKET_HOST … of linux/if_packet.h), as flags. */
const cookedFlags = [
  inbound | reception.unicast,
  inbound | reception.broadcast,
  inbound | reception.multicast,
  inbound | reception.promiscuous,
  outbound,
]

/** What marks the packets of an interface; undefined where nothing tells their direction. */
export function directionOf(linkType: number, nif: DirectedInterface | undefined): Direct | undefined {
  if (linkType === linkTypes.cooked) return marking(2, (bytes, data) => cookedFlags[bytes.readUInt16BE(data)] ?? 0)
  if (linkType === linkTypes.cooked2) return marking(11, (bytes, data) => cookedFlags[bytes[data + 10] as number] ?? 0)
  // What is sent there is received there, and libpcap keeps one of the two (pcap-linux.c).
  if (nif?.loopback) return marking(0, () => inbound | reception.unicast)
  const [own, other] = nif?.peer ? [inbound, outbound] : [outbound, inbound]
  if (linkType === linkTypes.ethernet && nif?.mac !== undefined) {
    const mac = Buffer.from(nif.mac.replaceAll(':', ''), 'hex')
    if (mac.length !== 6) return undefined
    return marking(12, (bytes, data) => {
      const direction = isAt(bytes, data + 6, mac) ? own : other
      return direction | receptionOf(bytes, data, isAt(bytes, data, mac) || direction === outbound)
    })
  }
  if (linkTypes.raw.some(type => type === linkType) && nif !== undefined) {
    const addresses = nif.addresses.flatMap(({ address }) => addressBytes(address) ?? [])
    return marking(20, (bytes, data) => {
      const [start, length] = (bytes[data] as number) >> 4 === 4 ? [data + 12, 4] : [data + 8, 16]
      return addresses.some(address => address.length === length && isAt(bytes, start, address)) ? own : other
    })
  }
  return undefined
}

/** @param least bytes a packet must have to be looked at */
function marking(least: number, flagsOf: (bytes: Buffer, data: number) => number): Direct {
  return ({ bytes, words }, at, added) => {
    if ((words[at + packetField.captured] as number) >= least)
      added.flags = flagsOf(bytes, (at + packetField.data) << 2)
  }
}

function receptionOf(bytes: Buffer, data: number, addressed: boolean): number {
  if (((bytes[data] as number) & 1) === 0) return addressed ? reception.unicast : reception.promiscuous
  for (let index = 0; index < 6; index++) if (bytes[data + index] !== 0xff) return reception.multicast
  return reception.broadcast
}

function isAt(bytes: Buffer, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false
  return true
}

/** Two things that are added to a packet. */
export function both(first: Direct, second: Direct): Direct {
  return (slab, at, added) => {
    first(slab, at, added)
    second(slab, at, added)
  }
}
