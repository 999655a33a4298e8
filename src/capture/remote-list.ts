/** What a service elsewhere can capture: as a remora tells it, or as the original does. */
import * as v from 'valibot'
import { RemoraError } from '../base/errors.ts'
import { containerEngines, containerStates, otherTypes, type Target, type TargetType } from '../model/target.ts'
import { type StockTarget, stockTarget } from '../protocol/packetflix/target.ts'
import { silentService, statusFailure, strangeAnswer, toldFailure } from '../remote/failure.ts'
import { ask, follow } from '../remote/http.ts'
import { describeService, type RemoteService } from '../remote/service.ts'
import { listStockTargets, stockReference } from './remote-stock.ts'

const text = v.string()
const names = v.array(text)
const facts = {
  engine: v.optional(v.picklist(containerEngines)),
  id: v.optional(text, ''),
  image: v.optional(text, ''),
  state: v.optional(v.picklist(containerStates), 'running'),
  labels: v.optional(v.record(text, text), {}),
  annotations: v.exactOptional(v.record(text, text)),
  socket: v.optional(text, ''),
}

const listedTarget = v.object({
  ...stockTarget.entries,
  reference: text,
  addresses: v.optional(names, []),
  ...facts,
  containers: v.optional(
    v.array(
      v.object({
        ...facts,
        engine: v.picklist(containerEngines),
        reference: text,
        name: text,
        pid: v.number(),
        sandbox: v.boolean(),
      }),
    ),
  ),
  'shared-with': v.optional(names),
})

const list = v.object({ targets: v.array(listedTarget), warnings: names })

/** What a service lists, and what it warns of. */
export interface RemoteTargets {
  readonly targets: readonly Target[]
  readonly warnings: readonly string[]
}

/**
 * Lists the targets of a service.
 * @throws RemoraError PEER_FAILED, UNAUTHORIZED or FORBIDDEN
 */
export async function listRemoteTargets(service: RemoteService, signal: AbortSignal): Promise<RemoteTargets> {
  const { status, body } = await ask(service, 'GET', '/v1/targets', { signal })
  if (status === 200 && body.startsWith('{')) {
    try {
      const { targets, warnings } = v.parse(list, JSON.parse(body))
      return { targets: targets.map(fromListed), warnings }
    } catch (error) {
      throw strangeAnswer(service, 'lists something else', error)
    }
  }
  if (toldFailure(body)?.code === 'UNAUTHORIZED' || status === 401 || status === 403)
    throw statusFailure(service, status, body)
  return {
    targets: (await listStockTargets(service, signal)).map(target => fromStock(target, stockReference(target))),
    warnings: [],
  }
}

function fromListed(listed: v.InferOutput<typeof listedTarget>): Target {
  const { engine, id, image, state, labels, annotations, socket, containers, 'shared-with': shares } = listed
  return {
    ...fromStock(listed, listed.reference),
    addresses: listed.addresses,
    ...(engine && { container: { engine, id, image, state, labels, ...(annotations && { annotations }), socket } }),
    ...(containers && { members: containers }),
    ...(shares && { shares }),
  }
}

function fromStock(target: StockTarget, reference: string): Target {
  return {
    reference,
    name: target.name,
    type: typeOf(target.type),
    prefix: target.prefix,
    netns: target.netns,
    pid: target.pid,
    startTime: target.starttime,
    interfaces: target['network-interfaces'],
    addresses: [],
  }
}

/** Types that this version does not know are shown as what they most probably are. */
function typeOf(type: string): TargetType {
  return [...containerEngines, ...otherTypes].find(known => known === type.toLowerCase()) ?? 'docker'
}

const event = v.object({ event: v.picklist(['appear', 'change', 'gone']), target: listedTarget })
const warned = v.object({ warning: text })

/** Who is told of changes. */
export interface RemoteWatch {
  readonly signal: AbortSignal
  readonly onEvent: (event: { readonly event: 'appear' | 'change' | 'gone'; readonly target: Target }) => void
  readonly onWarning: (warning: string) => void
}

/**
 * Tells of the targets of a service until the signal aborts (server-sent events, WHATWG HTML §9.2).
 * @throws RemoraError PEER_FAILED when the service cannot be reached, ends, or is no remora
 */
export async function watchRemoteTargets(
  service: RemoteService,
  { signal, onEvent, onWarning }: RemoteWatch,
): Promise<void> {
  let rest = ''
  const status = await follow(
    service,
    '/v1/targets/watch',
    piece => {
      const messages = (rest + piece).split('\n\n')
      rest = (messages.pop() ?? '').slice(-longestEvent)
      for (const message of messages) {
        const value = dataOf(message)
        const told = v.safeParse(event, value)
        const warning = v.safeParse(warned, value)
        if (told.success) onEvent({ event: told.output.event, target: fromListed(told.output.target) })
        else if (warning.success) onWarning(warning.output.warning)
      }
    },
    signal,
  )
  if (signal.aborted) return
  if (status === 200 || status === 404) {
    throw new RemoraError('USAGE', `${describeService(service)} is no remora and does not tell what changes`, {
      hint: 'Leave --watch out, or run remora serve there.',
    })
  }
  if (status !== undefined) throw statusFailure(service, status, '')
  throw silentService(service, 'tells no more')
}

/** What a message carries; undefined where that is nothing this version understands. */
function dataOf(message: string): unknown {
  try {
    return JSON.parse(/^data: (.*)$/m.exec(message)?.[1] ?? 'null')
  } catch {
    return undefined
  }
}

/** Characters of one event. */
const longestEvent = 1024 * 1024
