/**
 * What a capture would be, before it is one: the plan, and what the plan does not know, the state of the interfaces, what
 * passes through them now, and the program the filter becomes. Nothing is captured.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sharesHostNetwork } from '../discover/resolve.ts'
import { compileFilter } from '../linux/capturing/filter-program.ts'
import { listInterfaces, type NetworkInterface } from '../linux/network/iproute.ts'
import { type NetworkCounters, readNamespaceCounters } from '../linux/network/net-dev.ts'
import { leftOutLine } from './applicable.ts'
import { exclusionIn } from './own-stream.ts'
import type { CapturePlan } from './plan.ts'
import type { PreparedCapture } from './prepare.ts'
import type { PreparedLife } from './prepare-life.ts'
import type { CaptureRequest } from './request.ts'

/** What the capture of one target would be. */
export interface CapturePreview {
  readonly reference: string
  readonly name: string
  readonly type: string
  /** Inode of the network namespace. */
  readonly netns: number
  /** It is not the host, but has the host's network. */
  readonly hostNetwork: boolean
  readonly route: 'direct' | 'woven'
  /** Why it is woven. */
  readonly reasons: readonly string[]
  /** Capture filter that was asked for; empty for none. */
  readonly filter: string
  /** What is put before it, so that the connection that carries the capture away is left out; empty for nothing. */
  readonly excluding: string
  readonly snaplen: number | undefined
  readonly promiscuous: boolean
  /** Kernel buffer of each interface, MiB. */
  readonly bufferSize: number
  /** In dumpcap's notation. */
  readonly stopConditions: readonly string[]
  /** What is told when the capture begins. */
  readonly notes: readonly string[]
  /** Those that are captured, in the order of the plan, then the others. */
  readonly interfaces: readonly PreviewedInterface[]
}

/** An interface of a target, captured or not. */
export interface PreviewedInterface {
  readonly name: string
  readonly captured: boolean
  readonly up: boolean
  /** RFC 2863. */
  readonly operstate: string
  readonly addresses: readonly string[]
  /** Effective filter; empty for none. */
  readonly filter: string
  /** What it becomes, an instruction a line; empty without a filter. */
  readonly program: string
  /** Both directions together, per second; undefined when the counters cannot be read. */
  readonly rate: { readonly packets: number; readonly bytes: number } | undefined
}

/** Milliseconds between the two looks at the counters. */
const sampleTime = 500

/**
 * Shows what a prepared capture would do, target by target.
 * @param prepared stays the caller's
 * @throws RemoraError when a target has gone meanwhile; the reason of the signal
 */
export function previewCapture(
  { plan, lives, request }: PreparedCapture,
  signal: AbortSignal,
): Promise<CapturePreview[]> {
  return Promise.all(lives.map(life => previewTarget(life, plan, request, signal)))
}

async function previewTarget(
  { plan, target, leftOut }: PreparedLife,
  { route, reasons }: CapturePlan,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<CapturePreview> {
  const { namespace } = target
  const { filter, interfaces, ...options } = plan.dumpcap
  const names = interfaces.map(({ name }) => name)
  const [rates, known, programs] = await Promise.all([
    measureRates(() => readNamespaceCounters(namespace, signal), signal),
    listInterfaces(namespace, signal),
    filter === '' ? [] : compileFilter(namespace, filter, interfaces, signal),
  ])
  const others = plan.interfaceIndexes === undefined ? [] : known.filter(({ name }) => !names.includes(name))
  const { reference, name, type, netns } = plan
  return {
    ...{ reference, name, type, netns, route, reasons },
    hostNetwork: sharesHostNetwork(target),
    notes: [leftOutLine(name, leftOut)].filter(line => line !== undefined),
    filter: request.filter,
    excluding: exclusionIn(filter, request.filter),
    snaplen: options.snaplen,
    promiscuous: options.promiscuous,
    bufferSize: options.bufferSize,
    stopConditions: options.stopConditions,
    interfaces: [
      ...interfaces.map(({ name, device, filter: own = filter }, index) => ({
        ...describe(name, known, rates, name === 'any' && device === undefined),
        ...{ captured: true, filter: own, program: programs[index] ?? '' },
      })),
      ...others.map(({ name }) => ({ ...describe(name, known, rates), captured: false, filter: '', program: '' })),
    ],
  }
}

type Rates = ReadonlyMap<string, { readonly packets: number; readonly bytes: number }>

function describe(
  name: string,
  known: readonly NetworkInterface[],
  rates: Rates | undefined,
  isAll = false,
): Omit<PreviewedInterface, 'captured' | 'filter' | 'program'> {
  const { up, operstate, addresses } = isAll ? all : (known.find(nif => nif.name === name) ?? all)
  return {
    ...{ name, up, operstate },
    addresses: addresses.map(({ address }) => address),
    rate: isAll ? rates && sumOf([...rates.values()]) : rates?.get(name),
  }
}

/** The pseudo-interface for all there are. */
const all: Pick<NetworkInterface, 'up' | 'operstate' | 'addresses'> = { up: true, operstate: 'UNKNOWN', addresses: [] }

/** What passes in a second; undefined when the counters cannot be read. */
async function measureRates(read: () => Promise<NetworkCounters>, signal: AbortSignal): Promise<Rates | undefined> {
  try {
    const [before, begun] = [await read(), performance.now()]
    await sleep(sampleTime, undefined, { signal })
    const [after, seconds] = [await read(), (performance.now() - begun) / 1000]
    return ratesBetween(before, after, seconds)
  } catch (error) {
    if (signal.aborted) throw error
    return undefined
  }
}

/** Rates from counters; what a loopback interface sends it receives, so that counts once. */
export function ratesBetween(before: NetworkCounters, after: NetworkCounters, seconds: number): Rates {
  return new Map(
    [...after].map(([name, now]) => {
      const then = before.get(name) ?? { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 }
      const loopback = name === 'lo'
      const perSecond = (received: number, sent: number) =>
        Math.round(Math.max(0, received + (loopback ? 0 : sent)) / seconds)
      const packets = perSecond(now.rxPackets - then.rxPackets, now.txPackets - then.txPackets)
      const bytes = perSecond(now.rxBytes - then.rxBytes, now.txBytes - then.txBytes)
      return [name, { packets, bytes }]
    }),
  )
}

function sumOf(rates: readonly { packets: number; bytes: number }[]): { packets: number; bytes: number } {
  const total = { packets: 0, bytes: 0 }
  for (const { packets, bytes } of rates) {
    total.packets += packets
    total.bytes += bytes
  }
  return total
}
