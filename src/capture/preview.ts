/**
 * What a capture would be, before it is one: the plan, and what the plan does not know, the state of the interfaces, what
 * passes through them now, and the program the filter becomes. Nothing is captured.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sharesHostNetwork } from '../discover/resolve/resolve.ts'
import { compileFilter } from '../linux/capturing/filter-program.ts'
import type { NetworkNamespace } from '../linux/namespace/netns.ts'
import { listInterfaces } from '../linux/network/iproute.ts'
import { type NetworkCounters, readNamespaceCounters } from '../linux/network/net-dev.ts'
import type { NetworkInterface } from '../model/interface.ts'
import type { CapturePlan } from './plan/plan.ts'
import type { Annotations, TapPlan } from './plan/taps.ts'
import type { PreparedCapture } from './prepare/prepare.ts'
import type { PreparedLife } from './prepare/prepare-incarnation.ts'
import { exclusionIn } from './request/own-stream.ts'
import { type CapturePlace, findPoints } from './taps/points.ts'

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
  /** Milliseconds a packet waits for others, where it is woven. */
  readonly window: number
  readonly annotations: Annotations
  /** Where the TLS keys come from. */
  readonly keys: CapturePlan['keys']
  /** Capture filter that was asked for; empty for none. */
  readonly filter: string
  /** What is put before it, so that the connection that carries the capture away is left out; empty for nothing. */
  readonly excluding: string
  readonly snaplen: number | undefined
  readonly promiscuous: boolean
  /** Kernel buffer of each interface, MiB. */
  readonly bufferSize: number
  /** In the notation of dumpcap's `-a`. */
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
  /** How it is captured; undefined when it is not. */
  readonly tap?: TapPlan
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
 * Shows what a prepared capture would do, as a whole and target by target.
 * @param prepared stays the caller's
 * @throws RemoraError when a target has gone meanwhile; the reason of the signal
 */
export async function previewWhole(
  { plan, lives }: PreparedCapture,
  signal: AbortSignal,
): Promise<{ readonly whole: object; readonly targets: CapturePreview[] }> {
  const targets = await Promise.all(lives.map(life => previewTarget(life, plan, signal)))
  const { reference, name, route, reasons, window } = plan
  const [only] = targets
  const isOne = only !== undefined && targets.length === 1
  return { whole: isOne ? only : { reference, name, route, reasons, window, sources: targets }, targets }
}

async function previewTarget(
  { plan, target, interfaces: known }: PreparedLife,
  { route, reasons, window, annotations, keys, stop }: CapturePlan,
  signal: AbortSignal,
): Promise<CapturePreview> {
  const [{ filter, bufferSize }] = plan.taps as readonly [TapPlan]
  const { points, close } = await findPoints(target, plan.taps, known)
  try {
    const { reference, name, type, netns, snaplen, promiscuous } = plan
    const views = await viewNamespaces([target.namespace, ...points.map(({ namespace }) => namespace)], signal)
    const own = views.get(target.namespace.inode) as NamespaceView
    const inside = new Set(points.filter(({ tap }) => tap.point === 'inside').map(({ near }) => near))
    const others = plan.interfaceIndexes === undefined ? [] : own.known.filter(nif => !inside.has(nif.name))
    return {
      ...{ reference, name, type, netns, route, reasons, window, annotations, keys },
      ...{ snaplen, promiscuous, bufferSize },
      hostNetwork: sharesHostNetwork(target),
      notes: plan.notes,
      filter: plan.filter,
      excluding: exclusionIn(filter, plan.filter),
      stopConditions: Object.entries(stop).map(([condition, value]) => `${condition}:${value}`),
      interfaces: [
        ...(await previewPoints(points, views, signal)),
        ...others.map(nif => ({ ...describe(nif.name, own), captured: false, filter: '', program: '' })),
      ],
    }
  } finally {
    close()
  }
}

/** What there is in a namespace, and what passes. */
interface NamespaceView {
  readonly known: readonly NetworkInterface[]
  readonly rates: Rates | undefined
}

/** Looks into each namespace once. */
async function viewNamespaces(
  namespaces: readonly NetworkNamespace[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, NamespaceView>> {
  const each = new Map(namespaces.map(namespace => [namespace.inode, namespace]))
  const views = [...each].map(async ([inode, namespace]) => {
    const [known, rates] = await Promise.all([
      listInterfaces(namespace, signal),
      measureRates(() => readNamespaceCounters(namespace, signal), signal),
    ])
    return [inode, { known, rates }] as const
  })
  return new Map(await Promise.all(views))
}

/** The places where interfaces will be captured; the filters of a namespace are compiled together. */
async function previewPoints(
  points: readonly CapturePlace[],
  views: ReadonlyMap<number, NamespaceView>,
  signal: AbortSignal,
): Promise<PreviewedInterface[]> {
  const programs = new Map<CapturePlace, string | undefined>()
  for (const inode of views.keys()) {
    const here = points.filter(({ namespace }) => namespace.inode === inode)
    const [first] = here
    if (first === undefined || first.tap.filter === '') continue
    const compiled = await compileFilter(
      first.namespace,
      first.tap.filter,
      here.map(({ tap }) => tap.opened),
      signal,
    )
    for (const [index, point] of here.entries()) programs.set(point, compiled[index])
  }
  return points.map(point => {
    const { tap, namespace, shown } = point
    const { opened } = tap
    const view = views.get(namespace.inode) as NamespaceView
    const isAll = opened.name === all.name && opened.device === undefined
    const captured = { captured: true, tap, filter: opened.filter ?? tap.filter, program: programs.get(point) ?? '' }
    return { ...describe(opened.name, view, isAll), name: shown, ...captured }
  })
}

type Rates = ReadonlyMap<string, { readonly packets: number; readonly bytes: number }>

function describe(
  name: string,
  { known, rates }: NamespaceView,
  isAll = false,
): Omit<PreviewedInterface, 'captured' | 'tap' | 'filter' | 'program'> {
  const { up, operstate, addresses } = isAll ? all : (known.find(nif => nif.name === name) ?? all)
  return {
    ...{ name, up, operstate },
    addresses: addresses.map(({ address }) => address),
    rate: isAll ? rates && sumOf([...rates.values()]) : rates?.get(name),
  }
}

/** The pseudo-interface for all there are. */
const all: Pick<NetworkInterface, 'name' | 'up' | 'operstate' | 'addresses'> = {
  ...{ name: 'any', up: true, operstate: 'UNKNOWN', addresses: [] },
}

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
