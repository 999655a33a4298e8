/**
 * The parameters of Packetflix' `/capture` (captureparams.go). They come in the query, and again in request headers, since
 * the pod proxy of Kubernetes' API server drops the query of a WebSocket; a header that is there wins.
 */
import * as v from 'valibot'
import { RemoraError } from '../../base/errors.ts'
import { type StockTarget, stockTarget, stockTargetJson } from './target.ts'

/** What a stock client may ask for. */
export type StockSubject =
  | { readonly kind: 'container'; readonly target: StockTarget }
  /** Any namespace, by its inode. */
  | { readonly kind: 'netns'; readonly netns: number }

/** What a request for a capture says. */
export interface StockParameters {
  /** What to capture: the original knows one, remora any number. */
  readonly subjects: readonly [StockSubject, ...StockSubject[]]
  /** Interfaces asked for one by one; undefined: those of the target, `any`. */
  readonly interfaces: readonly string[] | undefined
  /** Capture filter; empty for none. */
  readonly filter: string
  readonly promiscuous: boolean
  /** Capture the packets of this very connection too; remora's own addition. */
  readonly includeSelf: boolean
}

/** The parameters that have a header of their own. */
const headerNames = {
  container: 'Clustershark-Container',
  nif: 'Clustershark-Nif',
  filter: 'Clustershark-Filter',
  chaste: 'Clustershark-Chaste',
} as const

/** Targets of one capture. */
const mostSubjects = 64

/** Names that mean every interface of the target: the original service knows one, its clients also send the other. */
const everyInterface = new Set(['any', 'all'])

/**
 * Reads the parameters of a request.
 * @param header value of a request header by its name, whatever its case
 * @throws RemoraError USAGE, with the words of the original service
 */
export function parseParameters(query: URLSearchParams, header: (name: string) => string | undefined): StockParameters {
  const value = (name: keyof typeof headerNames) => header(headerNames[name]) ?? query.get(name) ?? undefined
  const inHeader = header(headerNames.container)
  const containers = inHeader === undefined ? query.getAll('container') : [inHeader]
  const namespaces = query.getAll('netns')
  if (containers.length > 0 && namespaces.length > 0) {
    throw usage('container and netns query parameters are mutually exclusive')
  }
  const [first, ...others] = [
    ...containers.map(json => ({ kind: 'container', target: parseTarget(json) }) as const),
    ...namespaces.map(parseNetns),
  ]
  if (first === undefined) throw usage('either container or netns query parameter required')
  if (others.length >= mostSubjects) throw usage(`more than ${mostSubjects} targets`)
  return {
    subjects: [first, ...others],
    interfaces: parseInterfaces(value('nif')),
    filter: (value('filter') ?? '').trim(),
    promiscuous: value('chaste') === undefined,
    includeSelf: query.has('include-self'),
  }
}

/** Query and headers that say the same, as the original clients send both. */
export function formatParameters(parameters: StockParameters): {
  readonly query: URLSearchParams
  readonly headers: Record<string, string>
} {
  const { subjects, interfaces, filter, promiscuous, includeSelf } = parameters
  const [first, ...others] = subjects.map(subject =>
    subject.kind === 'netns' ? String(subject.netns) : asciiJson(stockTargetJson(subject.target)),
  )
  const name = subjects[0].kind
  const values: Partial<Record<keyof typeof headerNames, string>> = {
    // A header can say one only.
    ...(name === 'container' && others.length === 0 && { container: first }),
    nif: interfaces === undefined ? 'any' : interfaces.join('/'),
    ...(filter !== '' && { filter }),
    ...(!promiscuous && { chaste: '' }),
  }
  const query = new URLSearchParams(values)
  if (name === 'netns' || others.length > 0) for (const text of [first, ...others]) query.append(name, text ?? '')
  if (includeSelf) query.set('include-self', '')
  const fit = Object.entries(values).filter(([, text]) => isHeaderValue(text))
  return { query, headers: Object.fromEntries(fit.map(([name, text]) => [nameOf(name), text])) }
}

function nameOf(parameter: string): string {
  return headerNames[parameter as keyof typeof headerNames]
}

/** RFC 9110 §5.5: visible ASCII, with blanks inside. */
function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text) && text.trim() === text
}

function asciiJson(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function parseNetns(text: string): StockSubject {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw usage(`invalid netns ${JSON.stringify(text.slice(0, 40))}`)
  return { kind: 'netns', netns: Number(text) }
}

/**
 * Reads the description of a target.
 * @throws RemoraError USAGE
 */
export function parseTarget(json: string): StockTarget {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw usage(`invalid container/target description: ${(error as Error).message}`)
  }
  const result = v.safeParse(stockTarget, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  throw usage(`invalid container/target description: ${path === null ? '' : `${path}: `}${issue.message}`)
}

function parseInterfaces(text: string | undefined): string[] | undefined {
  const names = (text ?? '').split('/').filter(name => name !== '')
  return names.length === 0 || names.some(name => everyInterface.has(name)) ? undefined : names
}

/** Interfaces of stock targets that are to be captured: none means all that are up. */
export function wantedInterfaces({ subjects, interfaces }: StockParameters): string[] {
  if (interfaces !== undefined) return [...interfaces]
  const [subject, ...others] = subjects
  if (others.length > 0) return []
  const known = subject.kind === 'container' ? subject.target['network-interfaces'] : []
  return known.some(name => everyInterface.has(name)) ? [] : [...new Set(known)]
}

function usage(message: string): RemoraError {
  return new RemoraError('USAGE', message.slice(0, 300), {
    hint: 'docs/service-api.md describes the parameters of /capture.',
  })
}
