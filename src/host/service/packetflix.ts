/** A target reference against what a Packetflix service lists: it only takes targets as it describes them. */
import { RemoraError } from '../../base/errors.ts'
import { didYouMean, nearestNames } from '../../base/nearest.ts'
import { readJson } from '../../protocol/json.ts'
import type { StockSubject } from '../../protocol/packetflix/parameters.ts'
import { type StockTarget, stockTargets } from '../../protocol/packetflix/target.ts'
import { qualifiedName } from '../../reference/grammar/containers.ts'
import { describesTarget, formatReference, isContainerReference, parseReference } from '../../reference/reference.ts'
import { containerScheme } from '../../reference/schemes.ts'
import { statusFailure } from '../../remote/failure.ts'
import { ask } from '../../remote/http.ts'
import { describeService, type RemoteService } from '../../remote/service.ts'
import { findLabelled } from './packetflix-labels.ts'

/** Where the list is, beside the capture service or in a Ghostwire of its own. */
const places = ['/discover/mobyshark', '/mobyshark']

/**
 * Everything a service lists.
 * @throws RemoraError PEER_FAILED when it lists nothing
 */
export async function listPacketflixTargets(
  service: RemoteService,
  signal: AbortSignal,
): Promise<readonly StockTarget[]> {
  let refusal: RemoraError | undefined
  for (const place of places) {
    const { status, body } = await ask(service, 'GET', place, { signal })
    if (status === 200) {
      const list = readJson(stockTargets, body)
      if (list !== undefined) return list.containers
    } else refusal ??= statusFailure(service, status, body)
  }
  throw (
    refusal ??
    new RemoraError('PEER_FAILED', `${describeService(service)} lists no targets`, {
      hint: 'A Packetflix service does so when it runs with --proxy-discovery.',
    })
  )
}

/**
 * What to ask a Packetflix service for.
 * @throws RemoraError USAGE, TARGET_NOT_FOUND, TARGET_AMBIGUOUS or PEER_FAILED
 */
export async function findPacketflixSubject(
  service: RemoteService,
  text: string,
  signal: AbortSignal,
): Promise<StockSubject> {
  const reference = parseReference(text)
  const compares = containerScheme(reference)?.compares
  if (compares === 'environment') throw tellsNoEnvironment(service)
  const targets = await listPacketflixTargets(service, signal).catch(error => {
    if (reference.scheme === 'netns') return []
    throw error
  })
  const found =
    compares !== undefined && isContainerReference(reference)
      ? await findLabelled(service, reference, targets, signal)
      : targets.filter(target => describesTarget(reference, target))
  const [target, ...others] = found
  // A target of the namespace tells its name and interfaces too; of a number alone the service captures `any`.
  if (target === undefined && reference.scheme === 'netns') return { kind: 'netns', netns: reference.inode }
  if (target === undefined) {
    const names = nearestNames(
      formatReference(reference).replace(/^\w+:/, ''),
      targets.map(({ name }) => name),
    )
    throw new RemoraError('TARGET_NOT_FOUND', `${describeService(service)} lists nothing that matches ${text}`, {
      hint: didYouMean(names, 'remora list --host HOST shows what there is.'),
    })
  }
  if (others.some(({ netns }) => netns !== target.netns)) {
    const names = found.map(one => `${qualifiedName(one)} (${one.type})`)
    throw new RemoraError('TARGET_AMBIGUOUS', `${text} matches ${names.join(', ')}`, {
      hint: 'Choose one by pid: or netns:, as remora list --host HOST --wide shows them.',
    })
  }
  return { kind: 'container', target }
}

function tellsNoEnvironment(service: RemoteService): RemoraError {
  return new RemoraError('USAGE', `${describeService(service)} tells no environment variables`, {
    hint: 'Use a label or the name of the container.',
  })
}

/** What finds a target again that has no reference of its own. */
export function packetflixReference({ name, prefix, type, pid, starttime }: StockTarget): string {
  if (type === 'proc') return pid > 0 ? formatReference({ scheme: 'pid', pid, startTime: starttime }) : 'host'
  if (type === 'bindmount') return formatReference({ scheme: 'file', path: name })
  return formatReference({ scheme: type === 'pod' ? 'pod' : 'container', name: qualifiedName({ prefix, name }) })
}
