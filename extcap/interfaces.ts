/**
 * The interfaces remora shows in Wireshark, and their arguments: one table, from which the sentences are made and the
 * command line is read.
 *
 * Wireshark stores the arguments of an interface as preferences; 4.4 and 4.6 load them only when the last interface
 * listed has one, so `remora` comes last and the short-lived ones have none. A boolflag that is absent means false,
 * whatever its default; defaults are therefore what absence means.
 */
import { maximumSnaplen } from '../src/capture/request.ts'

/** The interface for any target of this host. */
export const localInterface = 'remora'

/** The interfaces for services elsewhere, with the names and arguments of cshargextcap: what was saved for that counts here. */
export const dockerHostInterface = 'mobyshark'
export const packetflixInterface = 'packetflix'

/** What the interface of a single container begins with. */
export const containerInterfacePrefix = 'remora-'

export interface InterfaceArgument {
  /** Numbers order the dialog and tie values to their argument. */
  readonly number: number
  /** Name of the option, without dashes before it. */
  readonly call: string
  /** At most 80 printable characters; nothing from outside, since Wireshark aborts over a bad one. */
  readonly display: string
  readonly type: 'string' | 'selector' | 'multicheck' | 'boolflag' | 'unsigned' | 'password' | 'fileselect'
  readonly tooltip?: string
  readonly placeholder?: string
  readonly reload?: boolean
  readonly range?: string
  readonly group?: string
  /** Ticked when the dialog opens for the first time. */
  readonly default?: boolean
  readonly required?: boolean
  readonly mustexist?: boolean
}

/** Arguments of the interface for any target. */
export const localArguments: readonly InterfaceArgument[] = [
  {
    number: 1,
    call: 'target',
    display: 'Target',
    type: 'selector',
    reload: true,
    placeholder: 'Reload targets',
    tooltip: 'What to capture; empty: the network of this host',
  },
  {
    number: 2,
    call: 'reference',
    display: 'or target references',
    type: 'string',
    placeholder: 'web db, pid:1234, named:blue, label:app=web',
    tooltip: 'Win over the target chosen above; several are captured together; remora --help lists the kinds',
  },
  {
    number: 3,
    call: 'interface',
    display: 'Network interface',
    type: 'selector',
    reload: true,
    placeholder: 'Reload interfaces',
    tooltip: 'Interface of the target; empty: every one that is up',
  },
  { number: 10, call: 'showcontainers', display: 'List containers', type: 'boolflag', group: 'List' },
  { number: 11, call: 'showpods', display: 'List pods', type: 'boolflag', group: 'List' },
  {
    number: 12,
    call: 'showprocs',
    display: 'List processes with a network of their own',
    type: 'boolflag',
    group: 'List',
  },
  {
    number: 13,
    call: 'showemptynetns',
    display: 'List network namespaces without a process',
    type: 'boolflag',
    group: 'List',
  },
  {
    number: 14,
    call: 'match',
    display: 'List only names that contain',
    type: 'string',
    group: 'List',
    tooltip: 'Applied when the targets are reloaded; no kind ticked means every kind',
  },
  {
    number: 18,
    call: 'wait',
    display: 'Wait for the target',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Begin when the target appears, with its first packet',
  },
  {
    number: 19,
    call: 'follow',
    display: 'Follow the target',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Go on when the target restarts, in the same capture',
  },
  { number: 20, call: 'noprom', display: 'No promiscuous mode', type: 'boolflag', group: 'Capture' },
  {
    number: 22,
    call: 'direction',
    display: 'Mark packets as received or sent',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Filter: frame.packet_flags_direction == 1 (in) or 2 (out)',
  },
  {
    number: 23,
    call: 'immediate',
    display: 'Every packet at once (tcpdump)',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'The last ones of a container that is killed included; costs more at high rates',
  },
  {
    number: 24,
    call: 'at',
    display: 'Capture at',
    type: 'selector',
    group: 'Capture',
    tooltip: "Inside the target, at the host's end of its veth pairs, or at both",
  },
  {
    number: 25,
    call: 'tlskeys',
    display: 'Take TLS keys along (SSLKEYLOGFILE)',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Wireshark then decrypts while it captures; packets come 300 ms later',
  },
  {
    number: 26,
    call: 'nonames',
    display: 'No names of containers',
    type: 'boolflag',
    group: 'Capture',
    tooltip:
      'Names show in place of addresses with View > Name Resolution > Resolve Network Addresses, or wireshark -N n',
  },
  {
    number: 30,
    call: 'together',
    display: 'Capture together with',
    type: 'multicheck',
    group: 'Together',
    tooltip: 'In one capture, each interface named after its target',
  },
  {
    number: 21,
    call: 'snaplen',
    display: 'Bytes kept of each packet (0: all)',
    type: 'unsigned',
    range: `0,${maximumSnaplen}`,
    group: 'Capture',
  },
]

/** How a service is reached; a token is never an argument that Wireshark keeps. */
const serviceArguments: readonly InterfaceArgument[] = [
  {
    number: 2,
    call: 'insecure',
    display: 'Take any certificate',
    type: 'boolflag',
    tooltip: 'Do not verify the certificate of the service',
  },
  {
    number: 3,
    call: 'token',
    display: 'Token (not kept)',
    type: 'password',
    tooltip: 'Asked for by services that were started with a token; better in a file',
  },
  {
    number: 4,
    call: 'tokenfile',
    display: 'File with the token',
    type: 'fileselect',
    mustexist: true,
    tooltip: 'Else the one in the URL; for a Docker host also REMORA_TOKEN or REMORA_TOKEN_FILE in the environment',
  },
  {
    number: 5,
    call: 'cafile',
    display: 'Authorities to trust',
    type: 'fileselect',
    mustexist: true,
    tooltip: 'Certificates (PEM) besides those of the system',
  },
  {
    number: 600,
    call: 'proxyoff',
    display: 'Use no proxy',
    type: 'boolflag',
    default: true,
    group: 'Proxy',
    tooltip: 'Otherwise HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment, or what is filled in here',
  },
  { number: 666, call: 'httpproxy', display: 'Proxy for http: and ws:', type: 'string', group: 'Proxy' },
  { number: 667, call: 'httpsproxy', display: 'Proxy for https: and wss:', type: 'string', group: 'Proxy' },
  { number: 668, call: 'noproxy', display: 'Hosts without a proxy', type: 'string', group: 'Proxy' },
]

/** Arguments of the interface for the targets of a service. */
const dockerHostArguments: readonly InterfaceArgument[] = [
  {
    number: 1,
    call: 'dockerhosturl',
    display: 'Docker host URL',
    type: 'string',
    required: true,
    placeholder: 'HOST:5001, or http://localhost:5001',
    tooltip: 'Address of a capture service: remora serve, or Packetflix',
  },
  {
    number: 10,
    call: 'container',
    display: 'Container',
    type: 'selector',
    reload: true,
    placeholder: 'Reload containers',
    tooltip: 'What to capture',
  },
  {
    number: 20,
    call: 'nif',
    display: 'Network interface',
    type: 'selector',
    reload: true,
    placeholder: 'Reload interfaces',
    tooltip: 'Interface of the target; all: every one it has',
  },
  { number: 30, call: 'showpods', display: 'Show pods', type: 'boolflag', default: false },
  { number: 31, call: 'showcontainers', display: 'Show stand-alone containers', type: 'boolflag', default: true },
  { number: 32, call: 'showprocs', display: 'Show processes', type: 'boolflag', default: false },
  {
    number: 33,
    call: 'showemptynetns',
    display: 'Show network namespaces without a process',
    type: 'boolflag',
    default: false,
  },
  { number: 40, call: 'noprom', display: 'No promiscuous mode', type: 'boolflag' },
]

/** Arguments of the interface for links. */
const packetflixArguments: readonly InterfaceArgument[] = [
  {
    number: 10,
    call: 'url',
    display: 'packetflix: URL',
    type: 'string',
    required: true,
    placeholder: 'packetflix:ws://HOST:5001/capture?container=...',
  },
]

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
