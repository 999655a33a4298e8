/** Labels of what a Packetflix service lists. The list itself has none; the document of the Ghostwire behind it has (`/json`). */
import * as v from 'valibot'
import { RemoraError } from '../../base/errors.ts'
import { readJson } from '../../protocol/json.ts'
import type { StockTarget } from '../../protocol/packetflix/target.ts'
import { type ContainerReference, matchContainers } from '../../reference/reference.ts'
import { ask } from '../../remote/http.ts'
import { describeService, type RemoteService } from '../../remote/service.ts'

const text = v.nullish(v.string(), '')
const topology = v.object({
  'network-namespaces': v.array(
    v.object({
      /** `netns-` and the inode. */
      id: v.pipe(v.string(), v.regex(/^netns-\d+$/)),
      containers: v.nullish(
        v.array(
          v.object({
            name: text,
            prefix: text,
            pid: v.nullish(v.number(), 0),
            labels: v.nullish(v.record(v.string(), v.string()), {}),
          }),
        ),
        [],
      ),
    }),
  ),
})

/**
 * The targets of a list whose containers have the labels a reference asks for; a pod for the containers in it.
 * @throws RemoraError USAGE when the service tells no labels, PEER_FAILED when it does not answer
 */
export async function findLabelled(
  service: RemoteService,
  reference: ContainerReference,
  targets: readonly StockTarget[],
  signal: AbortSignal,
): Promise<StockTarget[]> {
  const { status, body } = await ask(service, 'GET', '/json', { signal })
  const containers = status === 200 ? parseContainers(body) : undefined
  if (containers === undefined) {
    throw new RemoraError('USAGE', `${describeService(service)} tells no labels`, {
      hint: 'Use the name of the container.',
    })
  }
  const found = matchContainers(reference, containers)
  return targets.filter(({ pid, netns, type }) =>
    found.some(container => container.netns === netns && (container.pid === pid || type === 'pod')),
  )
}

function parseContainers(body: string) {
  return readJson(topology, body)?.['network-namespaces'].flatMap(({ id, containers }) =>
    containers.map(container => ({
      ...container,
      ...({ engine: 'docker', id: '', netns: Number(id.slice('netns-'.length)) } as const),
    })),
  )
}
