/**
 * The interfaces remora shows in Wireshark. Wireshark stores the arguments of an interface as preferences; 4.4 and 4.6 load
 * them only when the last interface listed has one, so `remora` comes last and the short-lived ones have none.
 */
import type { InterfaceArgument } from '../src/capture/request/option.ts'
import { localArguments } from './arguments.ts'
import { dockerHostArguments, packetflixArguments, serviceArguments } from './arguments-remote.ts'

/** The interface for any target of this host. */
export const localInterface = 'remora'

/** The interface for the targets of a service elsewhere, called as in cshargextcap: what was saved for that counts here. */
export const dockerHostInterface = 'mobyshark'

/** The interface for `packetflix:` links, called as in cshargextcap too. */
export const packetflixInterface = 'packetflix'

/** What the interface of a single container begins with. */
export const containerInterfacePrefix = 'remora-'

/** Interfaces that are always there, in the order they are listed, and what each can be told. */
export const stableInterfaces: Readonly<
  Record<string, { readonly display: string; readonly arguments: readonly InterfaceArgument[] }>
> = {
  [dockerHostInterface]: {
    display: 'Docker host capture',
    arguments: [...dockerHostArguments, ...serviceArguments],
  },
  [packetflixInterface]: {
    display: 'packetflix:// remote capture',
    arguments: [...packetflixArguments, ...serviceArguments],
  },
  [localInterface]: { display: 'Container capture (this host)', arguments: localArguments },
}

/**
 * Name of the interface for a container, from the name of the container alone, so that it survives a restart. Wireshark
 * wants neither commas nor parentheses in it, and treats names as one that differ only in case or punctuation.
 */
export function containerInterface(name: string): string {
  return containerInterfacePrefix + name.normalize('NFC').replace(/[^\p{L}\p{N}_.-]+/gu, '_')
}

/** What Wireshark makes of an interface name when it stores preferences (extcap.c). */
export function preferenceKey(name: string): string {
  return Buffer.from(name)
    .toString('latin1')
    .replace(/[^A-Za-z0-9_]/g, '_')
    .toLowerCase()
}
