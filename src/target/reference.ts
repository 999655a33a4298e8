/**
 * The grammar of target references, `scheme:value`: one parser for the command line, extcap fields and the network.
 *
 * A value may hold anything an engine, a file system or a label allows. What would not survive a sentence of Wireshark,
 * a preference file or a URL is percent-encoded by {@link formatReference}; {@link parseReference} decodes `%XX` and takes
 * any other percent sign literally. Text without a known scheme is the name of a container.
 */
import { RemoraError } from '../base/errors.ts'

/** A reference, taken apart. */
export type Reference =
  | { readonly scheme: 'host' }
  | { readonly scheme: 'pid'; readonly pid: number; readonly startTime?: number }
  | { readonly scheme: 'netns'; readonly inode: number }
  | { readonly scheme: 'named'; readonly name: string }
  | { readonly scheme: 'file'; readonly path: string }
  | { readonly scheme: 'container'; readonly name: string }
  | { readonly scheme: EngineScheme; readonly name: string }
  | { readonly scheme: 'pod'; readonly name: string }
  | { readonly scheme: 'label'; readonly key: string; readonly value: string }
  | { readonly scheme: 'env'; readonly key: string; readonly value: string }
  | { readonly scheme: 'compose'; readonly project: string; readonly service?: string }
  | { readonly scheme: 'process'; readonly command: string }

/** Engines that have a scheme of their own. */
export const engineSchemes = ['docker', 'podman', 'containerd', 'cri'] as const

/** A scheme that names an engine. */
export type EngineScheme = (typeof engineSchemes)[number]

type Scheme = Reference['scheme']

const containerName = 'a container name or id'

const parsers: Record<Scheme, (value: string, text: string) => Reference> = {
  host: (value, text) => {
    if (value !== '') throw malformed(text, 'host takes no value')
    return { scheme: 'host' }
  },
  pid: (value, text) => {
    const [, pid, startTime] = /^(\d{1,10})(?:@(\d{1,15}))?$/.exec(value) ?? []
    if (pid === undefined || Number(pid) === 0) throw malformed(text, 'expected pid:NUMBER or pid:NUMBER@STARTTIME')
    return { scheme: 'pid', pid: Number(pid), ...(startTime !== undefined && { startTime: Number(startTime) }) }
  },
  netns: (value, text) => {
    if (!/^[1-9]\d{0,14}$/.test(value))
      throw malformed(text, 'expected netns:INODE, as ls -Li /proc/PID/ns/net prints it')
    return { scheme: 'netns', inode: Number(value) }
  },
  named: (value, text) => {
    if (value === '' || value === '.' || value === '..' || /[/\0]/.test(value)) {
      throw malformed(text, 'expected the name of a file in /run/netns')
    }
    return { scheme: 'named', name: value }
  },
  file: (value, text) => {
    if (!value.startsWith('/') || value.includes('\0')) throw malformed(text, 'expected an absolute path')
    return { scheme: 'file', path: value }
  },
  container: (value, text) => ({ scheme: 'container', name: required(value, text, containerName) }),
  docker: (value, text) => ({ scheme: 'docker', name: required(value, text, containerName) }),
  podman: (value, text) => ({ scheme: 'podman', name: required(value, text, containerName) }),
  containerd: (value, text) => ({ scheme: 'containerd', name: required(value, text, containerName) }),
  cri: (value, text) => ({ scheme: 'cri', name: required(value, text, containerName) }),
  pod: (value, text) => ({ scheme: 'pod', name: required(value, text, 'pod:NAMESPACE/NAME') }),
  label: (value, text) => ({ scheme: 'label', ...pairOf(value, text, 'label:KEY=VALUE') }),
  env: (value, text) => ({ scheme: 'env', ...pairOf(value, shownReference(text), 'env:KEY=VALUE') }),
  compose: (value, text) => {
    const slash = value.indexOf('/')
    const project = slash < 0 ? value : value.slice(0, slash)
    const service = slash < 0 ? undefined : value.slice(slash + 1)
    if (project === '' || service === '') throw malformed(text, 'expected compose:PROJECT or compose:PROJECT/SERVICE')
    return { scheme: 'compose', project, ...(service !== undefined && { service }) }
  },
  process: (value, text) => ({ scheme: 'process', command: required(value, text, 'a command name') }),
}

/**
 * Parses a target reference.
 * @throws RemoraError USAGE when the text is no reference
 */
export function parseReference(text: string): Reference {
  if (text === '') throw malformed(text, 'a target reference is empty')
  if (text === 'host') return { scheme: 'host' }
  const colon = text.indexOf(':')
  const scheme = colon < 0 ? '' : text.slice(0, colon)
  if (Object.hasOwn(parsers, scheme)) return parsers[scheme as Scheme](decode(text.slice(colon + 1)), text)
  return parsers.container(decode(text), text)
}

/** Writes a reference so that {@link parseReference} reads the same one, and nothing on its way changes it. */
export function formatReference(reference: Reference): string {
  switch (reference.scheme) {
    case 'host':
      return 'host'
    case 'pid':
      return `pid:${reference.pid}${reference.startTime === undefined ? '' : `@${reference.startTime}`}`
    case 'netns':
      return `netns:${reference.inode}`
    case 'file':
      return `file:${encode(reference.path)}`
    case 'label':
    case 'env':
      return `${reference.scheme}:${encode(`${reference.key}=${reference.value}`)}`
    case 'compose':
      return `compose:${encode(reference.project + (reference.service === undefined ? '' : `/${reference.service}`))}`
    case 'process':
      return `process:${encode(reference.command)}`
    default:
      return `${reference.scheme}:${encode(reference.name)}`
  }
}

/** The schemes whose references mean every match. */
export const setSchemes: readonly string[] = ['label', 'env', 'compose'] satisfies Scheme[]

/**
 * A reference as it may be shown and logged: without the value of an environment variable, which may be a secret.
 * @param text a reference as typed or formatted
 */
export function shownReference(text: string): string {
  const [, variable] = /^env:(.*)$/s.exec(text) ?? []
  const [key = '', ...value] = decode(variable ?? '').split('=')
  return value.length === 0 ? text : `env:${encode(key)}=…`
}

function pairOf(pair: string, text: string, expected: string): { readonly key: string; readonly value: string } {
  const equals = pair.indexOf('=')
  if (equals < 1) throw malformed(text, `expected ${expected}`)
  return { key: pair.slice(0, equals), value: pair.slice(equals + 1) }
}

function required(value: string, text: string, what: string): string {
  if (value === '' || value.includes('\0')) throw malformed(text, `expected ${what}`)
  return value
}

function malformed(text: string, reason: string): RemoraError {
  return new RemoraError('USAGE', `"${text.slice(0, 300)}" is no target reference: ${reason}`, {
    hint: 'remora list shows the references of everything on this host.',
  })
}

/** White space, control and format characters, braces, the percent sign itself, and commas, which part references. */
const unsafe = /[\s\p{C}\p{Z}%{},]/gu

function encode(value: string): string {
  return value.toWellFormed().replace(unsafe, character => encodeBytes(character))
}

function encodeBytes(character: string): string {
  return [...Buffer.from(character)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

function decode(value: string): string {
  return value.replace(/(?:%[0-9A-Fa-f]{2})+/g, run => Buffer.from(run.replaceAll('%', ''), 'hex').toString())
}
