/**
 * The REST API of LXD and of Incus, which was forked from it (`/1.0`; the extension `instance_all_projects`, so LXD 4.0 and later). Names
 * are unique only within a project. A list is quick without the state of each instance, and takes seconds with it; so states are
 * asked for one by one, where they are needed.
 */
import { abortAfter } from '../base/abort.ts'
import { mapLimit } from '../base/map-limit.ts'
import type { AskedEngine } from '../model/target.ts'
import { countOf, labelsOf, membersOf, objectsOf, textOf } from './answer.ts'
import { type Container, type ContainerProcess, type Engine, newestFirst, startText } from './engine.ts'
import { followInstances } from './instance-events.ts'
import { getJson } from './socket-json.ts'

const defaultProject = 'default'
const listPath = '/1.0/instances?recursion=1&all-projects=true'
/** Milliseconds for the addresses of all containers: what is late has none. */
const addressesTimeoutMs = 1_000
const statesAtOnce = 8

/** The engine behind a socket. */
export function instancesEngine(name: AskedEngine, socket: string): Engine {
  return {
    name,
    address: socket,
    async containers(signal, { addresses = false } = {}) {
      const listed = objectsOf(await get(socket, listPath, signal))
        .flatMap(instance => toContainer(name, socket, instance) ?? [])
        .sort(newestFirst)
      return addresses ? withStates(socket, listed, signal) : listed
    },
    process: async (id, signal) => processOf(await get(socket, pathOf(id, '/state'), signal)),
    async configuration(id, signal) {
      const { expanded_config: config } = membersOf(await get(socket, pathOf(id), signal))
      const variables = Object.entries(labelsWith('environment.', config))
      return { environment: variables.map(([key, value]) => `${key}=${value}`), annotations: {} }
    },
    async about(signal) {
      const { environment } = membersOf(await get(socket, '/1.0', signal))
      const { certificate_fingerprint: fingerprint, server_version: version } = membersOf(environment)
      return { id: textOf(fingerprint), version: textOf(version) }
    },
    follow: (observer, signal) => followInstances(socket, observer, signal, instanceId),
  }
}

/** The `metadata` of an answer; undefined for status 404. */
async function get(socket: string, path: string, signal: AbortSignal): Promise<unknown> {
  return membersOf(await getJson(socket, path, signal)).metadata
}

/** What LXC calls an instance, after which its control group is named; neither a project nor a name has an underscore in it. */
function instanceId(project: string, name: string): string {
  return project === defaultProject ? name : `${project}_${name}`
}

function pathOf(id: string, below = ''): string {
  const at = id.indexOf('_')
  const project = at < 0 ? defaultProject : id.slice(0, at)
  return `/1.0/instances/${encodeURIComponent(id.slice(at + 1))}${below}?project=${encodeURIComponent(project)}`
}

const running = ['Running', 'Ready']

/**
 * `{name, project, type, status, created_at, config, expanded_config}`, an element of GET /1.0/instances; virtual machines have no
 * namespaces here.
 */
function toContainer(
  engine: AskedEngine,
  socket: string,
  instance: Readonly<Record<string, unknown>>,
): Container | undefined {
  const [name, status] = [textOf(instance.name), textOf(instance.status)]
  const project = textOf(instance.project) || defaultProject
  const isRunning = running.includes(status)
  if (name === '' || instance.type !== 'container' || !(isRunning || status === 'Frozen')) return undefined
  const config = labelsOf(instance.expanded_config)
  return {
    engine,
    socket,
    id: instanceId(project, name),
    name: project === defaultProject ? name : `${project}/${name}`,
    prefix: '',
    image: config['image.description'] || (config['volatile.base_image'] ?? '').slice(0, 12),
    state: isRunning ? 'running' : 'paused',
    created: Math.max(0, Math.floor(Date.parse(textOf(instance.created_at)) / 1000) || 0),
    labels: labelsWith('user.', config),
    addresses: [],
  }
}

/** The keys of a configuration that begin so, without the beginning. */
function labelsWith(prefix: string, config: unknown): Record<string, string> {
  const entries = Object.entries(labelsOf(config)).filter(([key]) => key.startsWith(prefix))
  return Object.fromEntries(entries.map(([key, value]) => [key.slice(prefix.length), value]))
}

/** Adds the process and the addresses of each. */
async function withStates(socket: string, containers: readonly Container[], signal: AbortSignal): Promise<Container[]> {
  const limit = AbortSignal.any([signal, abortAfter(addressesTimeoutMs)])
  return mapLimit(containers, statesAtOnce, async container => {
    const state = await get(socket, pathOf(container.id, '/state'), limit).catch(() => undefined)
    signal.throwIfAborted()
    const process = processOf(state)
    return { ...container, addresses: addressesIn(state), ...(process && { process }) }
  })
}

/** `{pid, status, started_at, network}`, of GET /1.0/instances/NAME/state; started_at is newer. */
function processOf(state: unknown): ContainerProcess | undefined {
  const { pid: told, started_at: started } = membersOf(state)
  const pid = countOf(told)
  const startedAt = startText(Date.parse(textOf(started)) / 1000)
  return pid === 0 ? undefined : { pid, incarnation: String(pid), ...(startedAt !== undefined && { startedAt }) }
}

function addressesIn(state: unknown): string[] {
  const interfaces = Object.values(membersOf(membersOf(state).network)).map(membersOf)
  return interfaces
    .flatMap(({ addresses }) => objectsOf(addresses))
    .filter(({ scope }) => scope === 'global')
    .map(({ address }) => textOf(address))
    .filter(address => address !== '')
}
