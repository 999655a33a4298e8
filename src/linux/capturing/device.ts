/**
 * What dumpcap and tcpdump are told to open. Both take some names for something else: a number for a place in their list, `-` for
 * standard input, `any` for all interfaces, and libpcap has modules that answer to names of their own (pcap.c,
 * capture_source_types). A container may call its interface so, and must not get out of a capture by it.
 *
 * The kernel reads the name of an interface up to a colon, which no name has (dev_ioctl in net/core/dev_ioctl.c); the other
 * meanings all end with the colon behind them. Where no colon fits, and where a name cannot be an argument, the pseudo-interface
 * `any` is opened, with a filter for the index of the interface.
 */

/** An interface as it is handed to a program that captures. */
export interface CapturedInterface {
  readonly name: string
  /** Text that describes it in the capture (if_description). */
  readonly description: string
  /** What is opened in place of the name. */
  readonly device?: string | undefined
  /** Capture filter of this interface alone, in place of that of the whole capture. */
  readonly filter?: string | undefined
  /** Link type to ask for (`dumpcap -L`, `tcpdump -L`), where the device has several. */
  readonly linkType?: string | undefined
}

/** Names, and beginnings of names, that mean something else to one of the programs or to a module of libpcap. */
const otherMeanings =
  /^(?:-.*|\d+|(?:any|tcp@|rpcap|nflog|nfqueue|usbmon|bluetooth|dbus-|netmap|vale|dag|septel|snf|dpdk|rdma).*)$/i

/**
 * Those mean something else with a colon as well: to the netfilter module (pcap-netfilter-linux.c), and to tcpdump, which asks for a
 * cooked header wherever a name begins with `any`.
 */
const takesColon = /^(?:nflog$|nfqueue$|any)/

/** Bytes of a name that libpcap takes (IFNAMSIZ, with the NUL at its end). */
const longestName = 15

/** Stands for a part of a name that is no UTF-8, which is lost in an argument. */
const replacement = '\uFFFD'

/** How an interface of a namespace is opened. */
export interface Opening {
  readonly device?: string
  /** Capture filter that lets only packets of this interface pass. */
  readonly only?: string
  readonly linkType?: string
}

/**
 * Says what is opened for an interface; nothing is said of one that is opened by its name. Of a cooked header only version 2
 * knows the index: a filter for it finds nothing with the first.
 */
export function openingOf({ name, index }: { readonly name: string; readonly index: number }): Opening {
  const unreadable = name.includes(replacement)
  if (!unreadable && !otherMeanings.test(name)) return {}
  if (!unreadable && !takesColon.test(name) && Buffer.byteLength(name) < longestName) return { device: `${name}:` }
  return { device: 'any', only: `ifindex ${index}`, linkType: 'LINUX_SLL2' }
}

/** The name of an interface in a message about what was opened. */
export function withoutColon(device: string): string {
  return device.replace(/:$/, '')
}

/**
 * Gives statistics the names of the interfaces they are of: a program tells what it has opened, which may be the same for several.
 * @param told in the order of the interfaces
 */
export function underOwnNames<T extends { readonly name: string }>(
  told: readonly T[],
  interfaces: readonly CapturedInterface[],
): T[] {
  const left = [...interfaces]
  return told.map(one => {
    const at = left.findIndex(({ name, device = name }) => device === one.name)
    const [nif] = at < 0 ? [] : left.splice(at, 1)
    return nif === undefined ? one : { ...one, name: nif.name }
  })
}
