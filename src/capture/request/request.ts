/**
 * What a caller asks for, in the program's own terms, and the options that say it: one record each, from which the
 * command line, the extcap dialog and the help are made. Nothing below a face sees a flag.
 */
import { RemoraError } from '../../base/errors.ts'
import { type CapturePoint, capturePoints, longestWindow, maximumSnaplen } from '../../protocol/v1/values.ts'
import { meansEvery, type SeveralMatches, severalMatches, shownReference } from '../../reference/reference.ts'
import type { StreamConnection } from './own-stream.ts'

/** A capture as it is asked for. */
export interface CaptureRequest {
  /** Target references as typed; one of them may mean several targets (`label:`, `annotation:`, `env:`, `compose:`). */
  readonly targets: readonly string[]
  /** What becomes of a reference that means several targets; undefined: what each kind of reference says. */
  readonly match?: SeveralMatches | undefined
  /** Interfaces to capture on; empty: every interface that is up. */
  readonly interfaces: readonly string[]
  /** Capture filter (pcap-filter(7)); empty: none. */
  readonly filter: string
  /** Bytes kept of each packet; undefined: all. */
  readonly snaplen?: number | undefined
  readonly promiscuous: boolean
  readonly stop: StopConditions
  /** Wait for the target, this many seconds or without a limit; undefined: it must be there. */
  readonly wait?: { readonly timeout?: number } | undefined
  /** Go on when the target goes and comes back. */
  readonly follow: boolean
  /** Put the names of this host's containers into the stream. */
  readonly names: boolean
  /** What a client calls the host and the cluster of the target; told in the section comment. */
  readonly place?: RequestPlace | undefined
  /** Connections that carry the capture away, and are left out of it. */
  readonly ownStream?: readonly StreamConnection[]
  /** Leave nothing out, also where the connection is only known at the host that is asked. */
  readonly includeSelf?: boolean
  /** Milliseconds a packet waits for earlier ones of other sources; undefined: as long as dumpcap may be late. */
  readonly window?: number | undefined
  /** Tell of each packet whether it was received or sent (epb_flags). */
  readonly direction?: boolean
  /** Hand every packet on at once, so that the last ones of a target that goes are there. */
  readonly immediate?: boolean
  /** Where: in the target, which is the default, at the other end of its veth pairs, or at both. */
  readonly at?: CapturePoint
  /** TLS keys that go into the stream. */
  readonly keys?: KeysRequest | undefined
}

/** A host and its cluster, as a client knows them. */
export interface RequestPlace {
  /** Name of the host; empty when the client does not tell. */
  readonly node: string
  /** Identity of the cluster; undefined: of none. */
  readonly cluster?: string | undefined
}

/** Where TLS keys come from. */
export interface KeysRequest {
  /** Look for SSLKEYLOGFILE in the processes of the targets. */
  readonly fromTargets: boolean
  /** Key log files of this host. */
  readonly files: readonly string[]
}

/** Milliseconds packets are held back, so that the keys for them come first. */
export const keysWindow = 300

/** Whether a capture may come to have several targets: what it captures is then named after them. */
export function isForSeveral({ targets, match }: CaptureRequest): boolean {
  return targets.length > 1 || match === 'all' || targets.some(meansEvery)
}

/** What a request is for, as it may be shown and logged. */
export function shownTargets({ targets }: Pick<CaptureRequest, 'targets'>): string {
  return targets.map(shownReference).join(', ')
}

/** When a capture has enough; the first that is met counts. */
export interface StopConditions {
  /** Seconds. */
  readonly duration?: number
  readonly packets?: number
  /** KiB of capture file. */
  readonly filesize?: number
}

/** An option, as it is shown and read. */
export interface CaptureOption {
  /** Flags for the command line, in commander's notation. */
  readonly flags: string
  /** Flags for people, where commander's notation says something else. */
  readonly shown?: string
  /** For people, one phrase. */
  readonly description: string
  /** May be given several times. */
  readonly repeatable?: boolean
}

/** Options of a capture, as `remora capture` and `remora open` take them. */
export const captureOptions = {
  interface: {
    flags: '-i, --interface <NIF>',
    description: 'network interface of the target, may be repeated; default: every one that is up',
    repeatable: true,
  },
  filter: { flags: '-f, --filter <FILTER>', description: 'capture filter, as in pcap-filter(7)' },
  autostop: {
    flags: '-a, --autostop <CONDITION>',
    description: 'stop condition, may be repeated: duration:SECONDS, packets:NUMBER or filesize:KIB',
    repeatable: true,
  },
  snaplen: { flags: '-s, --snapshot-length <SNAPLEN>', description: 'keep only so many bytes of each packet' },
  noprom: { flags: '-p, --no-promiscuous-mode', description: 'do not put the interfaces into promiscuous mode' },
  wait: { flags: '--wait [S]', shown: '--wait[=S]', description: 'wait for the target, at most so many seconds' },
  follow: { flags: '--follow', description: 'go on when the target goes and comes back, in the same stream' },
  window: {
    flags: '--window <MS>',
    description: 'let packets wait so long to come into the order of their time; 0: not at all; default: 300',
  },
  direction: { flags: '--direction', description: 'mark every packet as received or sent' },
  immediate: {
    flags: '--immediate',
    description: 'hand every packet on at once, the last ones of a container included; costs more at high rates',
  },
  at: {
    flags: '--at <POINT>',
    description: "capture inside the target, at the host's end of its veth pairs (peer), or at both",
  },
  tlsKeys: {
    flags: '--tls-keys',
    description: "put TLS keys of the targets' processes (SSLKEYLOGFILE) into the stream",
  },
  keylog: { flags: '--keylog <FILE>', description: 'put TLS keys of a key log file into the stream', repeatable: true },
  match: {
    flags: '--match <WHICH>',
    description: 'what becomes of a reference that means several targets: error, newest (started last), all',
  },
  strict: { flags: '--strict', description: 'lost packets are a failure (exit status 7)' },
  noNames: { flags: '--no-names', description: 'leave names of addresses out; Wireshark shows them with -N n' },
} satisfies Record<string, CaptureOption>

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

/**
 * Reads how long to wait, in seconds; nothing means without a limit.
 * @throws RemoraError USAGE
 */
export function parseWait(text: string | undefined): CaptureRequest['wait'] {
  if (text === undefined) return undefined
  if (text === '') return {}
  if (/^\d{1,7}(?:\.\d{1,3})?$/.test(text) && Number(text) > 0) return { timeout: Number(text) }
  throw new RemoraError('USAGE', `"${text}" is no time to wait`, {
    hint: 'Use --wait, or --wait=SECONDS.',
  })
}

/**
 * Reads how long packets wait for others, in milliseconds.
 * @throws RemoraError USAGE
 */
export function parseWindow(text: string | undefined): number | undefined {
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
export function parsePoint(text: string | undefined): CapturePoint | undefined {
  const point = capturePoints.find(name => name === text)
  if (text === undefined || point !== undefined) return point
  throw new RemoraError('USAGE', `"${text}" is no place to capture at`, { hint: `Use ${capturePoints.join(', ')}.` })
}

/**
 * Reads what becomes of several matches.
 * @throws RemoraError USAGE
 */
export function parseMatch(text: string | undefined): SeveralMatches | undefined {
  const match = severalMatches.find(name => name === text)
  if (text === undefined || match !== undefined) return match
  throw new RemoraError('USAGE', `"${text}" is nothing to do with several matches`, {
    hint: `Use ${severalMatches.join(', ')}.`,
  })
}

/**
 * Reads stop conditions in the notation of dumpcap's `-a`.
 * @throws RemoraError USAGE
 */
export function parseStopConditions(texts: readonly string[]): StopConditions {
  const stop: { -readonly [K in keyof StopConditions]: StopConditions[K] } = {}
  for (const text of texts) {
    const [, name, value] = /^(duration|packets|filesize):(\d{1,9}(?:\.\d{1,3})?)$/.exec(text) ?? []
    const whole = name === 'duration' || /^\d+$/.test(value ?? '')
    if (value === undefined || !whole || Number(value) === 0) {
      throw new RemoraError('USAGE', `"${text}" is no stop condition`, {
        hint: 'Use duration:SECONDS, packets:NUMBER or filesize:KIB.',
      })
    }
    stop[name as keyof StopConditions] = Number(value)
  }
  return stop
}

/** Splits references that are parted by blanks or commas; inside of one those are percent-encoded. */
export function parseReferences(text: string): string[] {
  return text.split(/[\s,]+/).filter(reference => reference !== '')
}

/** Splits interface names joined by `/` or given one by one; empty ones and doubles fall out. */
export function parseInterfaceNames(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap(text => text.split('/')).map(name => name.trim()))].filter(name => name !== '')
}
