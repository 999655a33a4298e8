/**
 * The options of a capture: one record each. The command line, Wireshark's dialog, the body of a request to a service, its
 * description, the reasons to merge and the documentation are made from them.
 */
import { RemoraError } from '../../base/errors.ts'
import { parseCount, parseKib, parseSeconds } from '../../base/units.ts'
import { type CapturePoint, capturePoints, longestWindow, maximumSnaplen } from '../../protocol/v1/values.ts'
import { type SeveralMatches, severalMatches } from '../../reference/reference.ts'
import type { CaptureOption, CommandFlag, InterfaceArgument } from './option.ts'

/** When a capture has enough; the first that is met counts. */
export interface StopConditions {
  /** Seconds. */
  readonly duration?: number
  readonly packets?: number
  /** KiB of capture file. */
  readonly filesize?: number
}

/** Where TLS keys come from. */
export interface KeysRequest {
  /** Look for SSLKEYLOGFILE in the processes of the targets. */
  readonly fromTargets: boolean
  /** Key log files of this host. */
  readonly files: readonly string[]
}

/** How long a target is waited for. */
export interface WaitRequest {
  /** Seconds; undefined: without a limit. */
  readonly timeout?: number
}

/** Completes an argument that stands among those of the capture. */
const inDialog = (argument: Omit<InterfaceArgument, 'group' | 'type'> & Partial<Pick<InterfaceArgument, 'type'>>) => {
  const { number, call, display, type = 'boolflag', range, ...rest } = argument
  return { number, call, display, type, ...(range !== undefined && { range }), group: 'Capture', ...rest }
}

/** What a switch has of its own. */
interface Switch extends Pick<CaptureOption<boolean>, 'reasonToMerge' | 'packetflix'> {
  readonly flag: CommandFlag
  /** Commander's name of the flag. */
  readonly typedAs: string
  readonly argument: Parameters<typeof inDialog>[0]
  /** For the description of the service. */
  readonly description: string
}

/** An option that is on or off; its flag, and its box in the dialog, turn it to the other side. */
function makeSwitch(initial: boolean, { flag, typedAs, argument, description, ...rest }: Switch) {
  return makeOption<boolean>({
    default: initial,
    flags: [flag],
    fromFlags: (typed: Readonly<Record<string, boolean | undefined>>) => typed[typedAs],
    dialog: { argument: inDialog(argument), read: (ticked: boolean) => ticked !== initial },
    field: { description, schema: fields => fields.flag() },
    ...rest,
  })
}

function makeOption<T>(option: CaptureOption<T>): CaptureOption<T> {
  return option
}

/** The options of a capture by their names in a request, in the order of the help. */
export const captureOptions = {
  /** Interfaces to capture on; empty: every interface that is up. */
  interfaces: makeOption<readonly string[]>({
    default: [],
    flags: [
      {
        flags: '-i, --interface <NIF>',
        description: 'interfaces of the target, as in -i eth0,lo; may be repeated; default: every one that is up',
        repeatable: true,
      },
    ],
    fromFlags: (typed: { interface?: readonly string[] }) =>
      parseInterfaceNames((typed.interface ?? []).flatMap(parted)),
    dialog: {
      argument: {
        number: 3,
        call: 'interface',
        display: 'Network interface',
        type: 'selector',
        reload: true,
        placeholder: 'Reload interfaces',
        tooltip: 'Interface of the target; empty: every one that is up',
      },
      read: (text: string) => parseInterfaceNames([text]),
    },
    field: {
      description: 'network interfaces; empty: every one that is up',
      schema: fields => fields.names(),
      read: (names: readonly string[]) => [...new Set(names)],
    },
    packetflix: 'passed on',
  }),
  /** Capture filter (pcap-filter(7)); empty: none. Wireshark has a field of its own for it. */
  filter: makeOption({
    default: '',
    flags: [{ flags: '-f, --filter <FILTER>', description: 'capture filter, as in pcap-filter(7)' }],
    fromFlags: (typed: { filter?: string }) => typed.filter?.trim(),
    field: { description: 'capture filter, as in pcap-filter(7)', schema: fields => fields.text() },
    packetflix: 'passed on',
  }),
  stop: makeOption<StopConditions>({
    default: {},
    flags: [
      {
        flags: '-a, --autostop <CONDITION>',
        description: 'stop condition, may be repeated: duration:2m, packets:100, filesize:10MB; bare: seconds, KiB',
        repeatable: true,
      },
      { flags: '-c, --count <N>', description: 'stop after so many packets, like -a packets:N' },
    ],
    fromFlags: ({ autostop = [], count }: { autostop?: readonly string[]; count?: string }) =>
      parseStopConditions(count === undefined ? autostop : [...autostop, `packets:${count}`]),
    field: {
      description: 'when the capture has enough',
      documentation: '`{"duration": seconds, "packets": number, "filesize": KiB}`',
      schema: ({ group, seconds, whole, described }) =>
        group({ duration: seconds(), packets: whole(1, 1e9), filesize: described(whole(1, 1e9), 'KiB') }),
    },
    packetflix: {
      refuse: ({ packets, filesize }) =>
        (packets !== undefined || filesize !== undefined) && 'a number of packets or bytes to stop at',
    },
  }),
  /** Bytes kept of each packet; undefined: all. */
  snaplen: makeOption<number | undefined>({
    default: undefined,
    flags: [{ flags: '-s, --snapshot-length <SNAPLEN>', description: 'keep only so many bytes of each packet' }],
    fromFlags: (typed: { snapshotLength?: string }) => parseSnaplen(typed.snapshotLength),
    dialog: {
      argument: inDialog({
        number: 21,
        call: 'snaplen',
        display: 'Bytes kept of each packet (0: all)',
        type: 'unsigned',
        range: `0,${maximumSnaplen}`,
      }),
      row: 31,
      read: parseSnaplen,
    },
    field: {
      description: 'bytes kept of each packet; 0: all',
      schema: fields => fields.whole(0, maximumSnaplen),
      write: (snaplen = 0) => snaplen,
      read: (snaplen: number) => (snaplen === 0 ? undefined : snaplen),
    },
    packetflix: { refuse: snaplen => snaplen !== undefined && 'a snapshot length' },
  }),
  promiscuous: makeSwitch(true, {
    flag: { flags: '-p, --no-promiscuous-mode', description: 'do not put the interfaces into promiscuous mode' },
    typedAs: 'promiscuousMode',
    argument: { number: 20, call: 'noprom', display: 'No promiscuous mode' },
    description: 'put the interfaces into promiscuous mode',
    packetflix: 'passed on',
  }),
  /** Wait for the target; undefined: it must be there. */
  wait: makeOption<WaitRequest | undefined>({
    default: undefined,
    flags: [{ flags: '--wait [S]', shown: '--wait[=S]', description: 'wait for the target, at most so many seconds' }],
    fromFlags: (typed: { wait?: string }) => parseWait(typed.wait),
    dialog: {
      argument: inDialog({
        number: 18,
        call: 'wait',
        display: 'Wait for the target',
        tooltip: 'Begin when the target appears, with its first packet',
      }),
      read: (ticked: boolean) => (ticked ? {} : undefined),
    },
    field: {
      description: 'wait for the target',
      documentation: '`{}` or `{"timeout": seconds}`: wait for the target',
      absent: 'must be there',
      schema: ({ group, seconds }) => group({ timeout: seconds() }),
    },
    packetflix: { refuse: wait => wait !== undefined && '--wait' },
  }),
  /** Go on when the target goes and comes back. */
  follow: makeSwitch(false, {
    flag: { flags: '--follow', description: 'go on when the target goes and comes back, in the same stream' },
    typedAs: 'follow',
    argument: {
      number: 19,
      call: 'follow',
      display: 'Follow the target',
      tooltip: 'Go on when the target restarts, in the same capture',
    },
    description: 'go on when the target goes and comes back',
    reasonToMerge: follow => follow && 'follow',
    packetflix: { refuse: follow => follow && '--follow' },
  }),
  /** Milliseconds a packet waits for earlier ones of other sources; undefined: as long as the capturing program may be late. */
  window: makeOption<number | undefined>({
    default: undefined,
    flags: [
      {
        flags: '--window <MS>',
        description: 'let packets wait so long to come into the order of their time; 0: not at all; default: 300',
      },
    ],
    fromFlags: (typed: { window?: string }) => parseWindow(typed.window),
    field: {
      description: 'milliseconds a packet waits for earlier ones of other interfaces',
      absent: '300',
      schema: fields => fields.whole(0, longestWindow),
    },
    reasonToMerge: window => window !== undefined && 'window',
    packetflix: { refuse: window => window !== undefined && '--window' },
  }),
  /** Tell of each packet whether it was received or sent (epb_flags). */
  direction: makeSwitch(false, {
    flag: { flags: '--direction', description: 'mark every packet as received or sent' },
    typedAs: 'direction',
    argument: {
      number: 22,
      call: 'direction',
      display: 'Mark packets as received or sent',
      tooltip: 'Filter: frame.packet_flags_direction == 1 (in) or 2 (out)',
    },
    description: 'mark every packet as received or sent',
    reasonToMerge: direction => direction && 'direction',
    packetflix: { refuse: direction => direction && '--direction' },
  }),
  /** Hand every packet on at once, so that the last ones of a target that goes are there. */
  immediate: makeSwitch(false, {
    flag: {
      flags: '--immediate',
      description: 'hand every packet on at once, the last ones of a container included; costs more at high rates',
    },
    typedAs: 'immediate',
    argument: {
      number: 23,
      call: 'immediate',
      display: 'Every packet at once (tcpdump)',
      tooltip: 'The last ones of a container that is killed included; costs more at high rates',
    },
    description: 'hand every packet on at once, with tcpdump in place of dumpcap',
    reasonToMerge: immediate => immediate && 'immediate',
    packetflix: { refuse: immediate => immediate && '--immediate' },
  }),
  /** Where: in the target, at the other end of its veth pairs, or at both. */
  at: makeOption<CapturePoint>({
    default: 'inside',
    flags: [
      {
        flags: '--at <POINT>',
        description: "capture inside the target, at the host's end of its veth pairs (peer), or at both",
      },
    ],
    fromFlags: (typed: { at?: string }) => parsePoint(typed.at),
    dialog: {
      argument: inDialog({
        number: 24,
        call: 'at',
        display: 'Capture at',
        type: 'selector',
        tooltip: "Inside the target, at the host's end of its veth pairs, or at both",
      }),
      choices: [
        { value: '', display: 'the target' },
        { value: 'peer', display: 'the other end of its veth pairs' },
        { value: 'both', display: 'both ends' },
      ],
      read: (text: string) => parsePoint(text || undefined),
    },
    field: {
      description: "inside the target, at the host's end of its veth pairs, or at both",
      documentation: "`inside`, `peer` (the host's end of veth pairs) or `both`",
      schema: fields => fields.choice(capturePoints),
    },
    reasonToMerge: at => at !== 'inside' && `at ${at}`,
    packetflix: { refuse: at => at !== 'inside' && `--at ${at}` },
  }),
  /** TLS keys that go into the stream; undefined: none. */
  keys: makeOption<KeysRequest | undefined>({
    default: undefined,
    flags: [
      {
        flags: '--tls-keys',
        description: "put TLS keys of the targets' processes (SSLKEYLOGFILE) into the stream",
      },
      {
        flags: '--keylog <FILE>',
        description: 'put TLS keys of a key log file into the stream',
        repeatable: true,
      },
    ],
    fromFlags: ({ tlsKeys = false, keylog = [] }: { tlsKeys?: boolean; keylog?: readonly string[] }) =>
      tlsKeys || keylog.length > 0 ? { fromTargets: tlsKeys, files: keylog } : undefined,
    dialog: {
      argument: inDialog({
        number: 25,
        call: 'tlskeys',
        display: 'Take TLS keys along (SSLKEYLOGFILE)',
        tooltip: 'Wireshark then decrypts while it captures; packets come 300 ms later',
      }),
      read: keysOfTargets,
    },
    field: {
      name: 'tlsKeys',
      description: 'put TLS keys of the targets into the stream; the service must allow it',
      documentation:
        'TLS keys of the targets in the stream; 403 unless the service was started with `--allow-tls-keys`',
      schema: fields => fields.flag(),
      write: keys => keys?.fromTargets === true,
      read: keysOfTargets,
    },
    reasonToMerge: keys => keys !== undefined && 'TLS keys',
    packetflix: { refuse: keys => keys !== undefined && '--tls-keys' },
  }),
  /** What becomes of a reference that means several targets; undefined: what each kind of reference says. */
  match: makeOption<SeveralMatches | undefined>({
    default: undefined,
    flags: [
      {
        flags: '--match <WHICH>',
        description: 'what becomes of a reference that means several targets: error, newest (started last), all',
      },
    ],
    fromFlags: (typed: { match?: string }) => parseMatch(typed.match),
    dialog: {
      argument: inDialog({
        number: 27,
        call: 'several',
        display: 'Where a reference means several',
        type: 'selector',
        tooltip: 'Nothing is captured, the target that was started last, or all of them; a label means all by itself',
      }),
      row: 24,
      choices: [
        { value: '', display: 'Refuse it' },
        { value: 'newest', display: 'The one started last' },
        { value: 'all', display: 'All of them' },
      ],
      read: (text: string) => parseMatch(text || undefined),
    },
    field: {
      description: 'what becomes of a reference that means several targets: a failure, the one started last, or all',
      documentation:
        'what becomes of a reference that means several targets: `error`, `newest` (the one started last) or `all`',
      absent: 'as the kind of reference says',
      schema: fields => fields.choice(severalMatches),
    },
    packetflix: { refuse: match => match !== undefined && match !== 'error' && `--match ${match}` },
  }),
  /** Put the names of this host's containers into the stream. */
  names: makeSwitch(true, {
    flag: { flags: '--no-names', description: 'leave names of addresses out; Wireshark shows them with -N n' },
    typedAs: 'names',
    argument: {
      number: 26,
      call: 'nonames',
      display: 'No names of containers',
      tooltip:
        'Names show in place of addresses with View > Name Resolution > Resolve Network Addresses, or wireshark -N n',
    },
    description: 'put the names of containers into the stream',
    packetflix: 'done by the client',
  }),
}

/** The options, for who handles all of them alike. */
export const optionList = Object.entries<CaptureOption<unknown>>(captureOptions)

/** Name of an option in the body of a request. */
export function fieldName(name: string, { field }: CaptureOption<unknown>): string {
  return field.name ?? name
}

/** A value of an option in the body of a request; undefined: it is left out. */
export function jsonValue({ field }: CaptureOption<unknown>, value: unknown): unknown {
  return field.write === undefined ? value : field.write(value)
}

function keysOfTargets(wanted: boolean): KeysRequest | undefined {
  return wanted ? { fromTargets: true, files: [] } : undefined
}

/**
 * Reads a snapshot length; 0 and nothing mean all bytes, as for tcpdump.
 * @throws RemoraError USAGE
 */
export function parseSnaplen(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text === '0') return undefined
  if (/^\d{1,6}$/.test(text) && Number(text) <= maximumSnaplen) return Number(text)
  throw new RemoraError('USAGE', `"${text}" is no snapshot length`, {
    hint: `Use a number of bytes from 1 to ${maximumSnaplen}.`,
  })
}

/** Seconds a target may be waited for, where they are counted. */
const longestWait = 10_000_000

/**
 * Reads how long to wait, in seconds; nothing means without a limit.
 * @throws RemoraError USAGE
 */
function parseWait(text: string | undefined): WaitRequest | undefined {
  if (text === undefined) return undefined
  if (text === '') return {}
  const timeout = parseSeconds(text)
  if (timeout !== undefined && timeout <= longestWait) return { timeout }
  throw new RemoraError('USAGE', `"${text}" is no time to wait`, {
    hint: 'Use --wait, or --wait=SECONDS, or units, as in --wait=2m.',
  })
}

/**
 * Reads how long packets wait for others, in milliseconds.
 * @throws RemoraError USAGE
 */
function parseWindow(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) <= longestWindow) return Number(text)
  throw new RemoraError('USAGE', `"${text}" is no window`, {
    hint: `Use a number of milliseconds from 0 to ${longestWindow}.`,
  })
}

/**
 * Reads where to capture.
 * @throws RemoraError USAGE
 */
function parsePoint(text: string | undefined): CapturePoint | undefined {
  const point = capturePoints.find(name => name === text)
  if (text === undefined || point !== undefined) return point
  throw new RemoraError('USAGE', `"${text}" is no place to capture at`, { hint: `Use ${capturePoints.join(', ')}.` })
}

/**
 * Reads what becomes of several matches.
 * @throws RemoraError USAGE
 */
function parseMatch(text: string | undefined): SeveralMatches | undefined {
  const match = severalMatches.find(name => name === text)
  if (text === undefined || match !== undefined) return match
  throw new RemoraError('USAGE', `"${text}" is nothing to do with several matches`, {
    hint: `Use ${severalMatches.join(', ')}.`,
  })
}

const conditions = { duration: parseSeconds, packets: parseCount, filesize: parseKib }

/**
 * Reads stop conditions in the notation of dumpcap's `-a`, in which times and sizes may have units.
 * @throws RemoraError USAGE
 */
export function parseStopConditions(texts: readonly string[]): StopConditions {
  const stop: { -readonly [K in keyof StopConditions]: StopConditions[K] } = {}
  for (const text of texts) {
    const [, name, value = ''] = /^(duration|packets|filesize):(.*)$/.exec(text) ?? []
    const condition = name as keyof StopConditions
    const number = name === undefined ? undefined : conditions[condition](value)
    if (number === undefined) {
      throw new RemoraError('USAGE', `"${text}" is no stop condition`, {
        hint: 'Use duration:SECONDS, packets:NUMBER or filesize:KIB, or units, as in duration:2m and filesize:10MB.',
      })
    }
    stop[condition] = number
  }
  return stop
}

/** Splits names at their commas; `a,b/`, with a slash, is the one interface `a,b`. */
function parted(text: string): string[] {
  return text.includes('/') ? [text] : text.split(',')
}

/** Splits interface names joined by `/` or given one by one; empty ones and doubles fall out. */
export function parseInterfaceNames(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap(text => text.split('/')).map(name => name.trim()))].filter(name => name !== '')
}
