/**
 * From Wireshark's argument vector to a step. Options come in any order, with `=` or without; boolean flags arrive alone
 * in a capture and as `--flag true` in a reload. What a listing does not know it ignores, a capture refuses.
 */
import { RemoraError } from '../src/base/errors.ts'
import { withoutSecrets as urlWithoutSecrets } from '../src/base/redact.ts'
import { stableInterfaces } from './interfaces.ts'

/** What one call asks for. */
export type Step =
  | { readonly step: 'interfaces' }
  | { readonly step: 'dlts'; readonly interface: string }
  | { readonly step: 'config'; readonly interface: string }
  | { readonly step: 'reload'; readonly interface: string; readonly option: string; readonly values: ArgumentValues }
  | { readonly step: 'filter'; readonly interface: string; readonly filter: string }
  | CaptureStep
  | { readonly step: 'cleanup' }
  | { readonly step: 'nothing' }

/** A capture, as Wireshark asks for it. */
export interface CaptureStep {
  readonly step: 'capture'
  readonly interface: string
  /** Undefined when it was not given, which is an error that can only be told on standard error. */
  readonly fifo: string | undefined
  readonly filter: string
  readonly values: ArgumentValues
  /** What was not understood. */
  readonly unknown: readonly string[]
}

/** Values of interface arguments by their call; flags are `true` or `false`. */
export type ArgumentValues = Readonly<Record<string, string | boolean>>

/** A call. */
export interface ExtcapCall {
  readonly step: Step
  /** Where the log goes, and how much of it; as given. */
  readonly logFile: string | undefined
  readonly logLevel: string | undefined
}

/** Options of the protocol that carry a value. */
const valued = new Set([
  'extcap-interface',
  'extcap-version',
  'extcap-reload-option',
  'extcap-config-option-name',
  'extcap-config-option-value',
  'extcap-capture-filter',
  'extcap-control-in',
  'extcap-control-out',
  'fifo',
  'log-level',
  'log-file',
  'debug-file',
])

/** Options of the protocol that stand alone. */
const flags = new Set([
  'extcap-interfaces',
  'extcap-dlts',
  'extcap-config',
  'extcap-cleanup-postkill',
  'capture',
  'debug',
])

/** An argument that two interfaces have is of one type in both. */
const argumentTypes = new Map(
  Object.values(stableInterfaces).flatMap(nif => nif.arguments.map(({ call, type }) => [call, type] as const)),
)

/** Reads an argument vector; never fails. */
export function parseExtcapCall(argv: readonly string[]): ExtcapCall {
  const { options, unknown } = readOptions(argv)
  const text = (name: string) => (typeof options[name] === 'string' ? (options[name] as string) : undefined)
  const level = text('log-level') ?? (options.debug === true ? 'debug' : undefined)
  return { step: toStep(options, text, unknown), logFile: text('log-file') ?? text('debug-file'), logLevel: level }
}

type Options = Record<string, string | boolean>

function toStep(options: Options, text: (name: string) => string | undefined, unknown: readonly string[]): Step {
  const nif = text('extcap-interface') ?? ''
  const filter = (text('extcap-capture-filter') ?? '').trim()
  const values = Object.fromEntries(Object.entries(options).filter(([name]) => argumentTypes.has(name)))
  const option = text('extcap-reload-option')?.replace(/^--/, '')
  if (options.capture) return { step: 'capture', interface: nif, fifo: text('fifo'), filter, values, unknown }
  if (options['extcap-cleanup-postkill']) return { step: 'cleanup' }
  if (options['extcap-interfaces']) return { step: 'interfaces' }
  if (options['extcap-dlts']) return { step: 'dlts', interface: nif }
  if (text('extcap-config-option-name') !== undefined) return { step: 'nothing' }
  if (options['extcap-config'] && option !== undefined) return { step: 'reload', interface: nif, option, values }
  if (options['extcap-config']) return { step: 'config', interface: nif }
  if (text('extcap-capture-filter') !== undefined) return { step: 'filter', interface: nif, filter }
  return { step: 'nothing' }
}

function readOptions(argv: readonly string[]): { options: Options; unknown: string[] } {
  const options: Options = Object.create(null)
  const unknown: string[] = []
  const rest = [...argv]
  for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
    const [, name = '', inline] = /^--([a-z0-9][a-z0-9-]*)(?:=([\s\S]*))?$/.exec(token) ?? []
    const value = takeValue(name, inline, rest)
    if (value !== undefined) {
      options[name] = value
      continue
    }
    unknown.push(token)
    if (token.startsWith('-') && inline === undefined && rest[0]?.startsWith('-') === false) rest.shift()
  }
  return { options, unknown }
}

/**
 * The value of an option; undefined for an option that is not known.
 * @param rest the tokens behind it, of which the value is taken where it needs one
 */
function takeValue(name: string, inline: string | undefined, rest: string[]): string | boolean | undefined {
  if (argumentTypes.get(name) === 'boolflag') {
    const follows = rest[0] === 'true' || rest[0] === 'false'
    return (inline ?? (follows ? rest.shift() : 'true')) === 'true'
  }
  if (valued.has(name) || argumentTypes.has(name)) return inline ?? rest.shift() ?? ''
  return flags.has(name) ? true : undefined
}

/** An argument vector as it may be logged. */
export function withoutSecrets(argv: readonly string[]): string[] {
  return argv.map((token, index) => {
    if (argv[index - 1] === '--token') return '…'
    return token.startsWith('--token=') ? '--token=…' : urlWithoutSecrets(token)
  })
}

/** Text value of an argument, trimmed; empty when it was not given. */
export function textValue(values: ArgumentValues, call: string): string {
  const value = values[call]
  return typeof value === 'string' ? value.trim() : ''
}

/** Refusal of a capture whose arguments are not understood. */
export function unknownArguments(unknown: readonly string[]): RemoraError {
  return new RemoraError('USAGE', `unknown argument ${unknown.slice(0, 3).join(' ')}`, {
    hint: 'Another version of remora may have been installed; remora doctor tells.',
  })
}
