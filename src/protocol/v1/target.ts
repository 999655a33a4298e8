/**
 * Targets, as `GET /v1/targets` lists them: the members of a Packetflix target, and remora's own. What an older service leaves
 * out is filled in, what a newer one adds is passed over.
 */
import * as v from 'valibot'
import { containerEngines, containerStates } from '../../model/target.ts'
import { stockTarget } from '../packetflix/target.ts'
import { count, names, text } from './parts.ts'

// A newer service may know more of both: such a container is captured as any other.
const engine = v.fallback(v.picklist(containerEngines), 'docker')
const state = v.fallback(v.picklist(containerStates), 'running')
const texts = v.record(text, text)

/** What an engine tells where it looks closer. */
const details = {
  annotations: v.exactOptional(texts),
  startedAt: v.exactOptional(text),
  restarts: v.exactOptional(count),
}

const member = v.object({
  reference: text,
  name: text,
  engine,
  id: v.optional(text, ''),
  image: v.optional(text, ''),
  state: v.optional(state, 'running'),
  labels: v.optional(texts, {}),
  socket: v.optional(text, ''),
  ...details,
  pid: count,
  sandbox: v.pipe(v.boolean(), v.description('it only holds the namespaces of the pod')),
})

const { 'node-name': _, cluster: __, ...shared } = stockTarget.entries

/** A target. */
export const target = v.object({
  ...shared,
  reference: v.pipe(text, v.description('finds the target again')),
  key: v.exactOptional(
    v.pipe(text, v.description('tells the target from every other, and from itself after a restart')),
  ),
  addresses: v.optional(names, []),
  engine: v.optional(engine),
  id: v.optional(text),
  image: v.optional(text),
  state: v.optional(state),
  labels: v.optional(texts),
  socket: v.optional(v.pipe(text, v.description('where the engine answered'))),
  ...details,
  containers: v.exactOptional(v.pipe(v.array(member), v.description('of a pod, the sandbox last'))),
  'shared-with': v.exactOptional(v.pipe(names, v.description('other targets in the same network namespace'))),
})

/** The JSON form of a target. */
export type TargetJson = v.InferOutput<typeof target>

/** Answer of `GET /v1/targets`. */
export const targetList = v.object({ targets: v.array(target), warnings: names })
/** A list of targets, as it is sent. */
export type TargetListJson = v.InferOutput<typeof targetList>
