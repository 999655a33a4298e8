/** The capture targets of this host as the document of Ghostwire's `GET /mobyshark`. */
import { abortAfter } from '../../base/abort.ts'
import { version } from '../../base/version.ts'
import { askAbout } from '../../engine/about.ts'
import type { About, Engine } from '../../engine/engine.ts'
import { type ContainedProcess, scanContained } from '../../engine/processes.ts'
import { mobysharkDocument } from '../../ghostwire/mobyshark.ts'
import { readHostFacts } from '../../linux/host/facts.ts'
import { readHostnames } from '../../linux/host/hostnames.ts'
import { readCommand } from '../../linux/process/proc.ts'
import type { EngineFacts, HostFacts } from '../../model/host.ts'
import type { Target } from '../../model/target.ts'
import { engineTimeout } from './ask.ts'
import { discover } from './discover.ts'
import { type Discovery, withResidents } from './targets.ts'

/** What a document takes. */
export interface DocumentOptions {
  readonly signal: AbortSignal
  /** Milliseconds each engine has; 2,000 unless said otherwise. */
  readonly timeout?: number | undefined
  readonly env?: NodeJS.ProcessEnv
}

/** A document, and one sentence for each source that failed. */
export interface Answer<Document> {
  readonly document: Document
  readonly warnings: readonly string[]
}

/**
 * Makes the document from a fresh look at the host.
 * @param isWanted which targets belong into it
 */
export async function mobyshark(
  options: DocumentOptions,
  isWanted: (target: Target) => boolean = () => true,
): Promise<Answer<ReturnType<typeof mobysharkDocument>>> {
  const discovery = await discover({ ...options, interfaces: true, held: 'all' })
  const facts = await hostFacts(discovery, options)
  return mobysharkOf(discovery, await scanContained(options.signal), facts, isWanted)
}

/** Makes the document of targets that are known. */
export function mobysharkOf(
  { targets, warnings }: Pick<Discovery, 'targets' | 'warnings'>,
  table: readonly ContainedProcess[],
  facts: HostFacts,
  isWanted: (target: Target) => boolean = () => true,
): Answer<ReturnType<typeof mobysharkDocument>> {
  const shown = withResidents(targets, table).filter(isWanted)
  const host = { ...facts, created: new Date() }
  return { document: mobysharkDocument(shown, host, pid => readCommand(pid) ?? ''), warnings }
}

/**
 * What is known of the host and of its engines.
 * @param options `about`: asks an engine what it is
 */
export async function hostFacts(
  { engines }: Pick<Discovery, 'engines'>,
  options: DocumentOptions & { readonly about?: typeof askAbout },
): Promise<HostFacts> {
  const { signal, timeout = engineTimeout, about = askAbout } = options
  const limit = AbortSignal.any([signal, abortAfter(timeout)])
  const [hostnames, ...facts] = await Promise.all([
    readHostnames([init], signal),
    ...engines.map(async engine => engineFacts(engine, await about(engine, limit))),
  ])
  const host = readHostFacts()
  const hostname = hostnames.get(init) ?? host.hostname
  return { ...host, hostname, version, created: new Date(), engines: facts.flat() }
}

/** The first process of the host. */
const init = 1

/** A containerd without its CRI part has a socket for it all the same. */
function engineFacts(engine: Engine, about: About): EngineFacts[] {
  if (engine.sharesSocket && about.version === '') return []
  return [{ engine: engine.name, pid: engine.daemon ?? 0, socket: engine.address, ...about }]
}
