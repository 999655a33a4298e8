/**
 * The grammar of target references, `scheme:value`: one parser for the command line, extcap fields and the network.
 *
 * A value may hold anything an engine, a file system or a label allows. What would not survive a sentence of Wireshark,
 * a preference file or a URL is percent-encoded by {@link formatReference}; {@link parseReference} decodes `%XX` and takes
 * any other percent sign literally. Text without a known scheme is the name of a container.
 */
import { RemoraError } from '../base/errors.ts'
import type { NamedContainer } from './grammar/containers.ts'
import type { DescribedTarget, Scheme } from './grammar/scheme.ts'
import { decode, encode } from './grammar/value.ts'
import { container } from './schemes/container.ts'
import { type ContainerReference, containerScheme, findScheme, type Reference } from './schemes.ts'

export type { ContainerReference, DirectReference, Reference } from './schemes.ts'

/** What becomes of a reference that means several targets: a failure, the one that was started last, or all of them. */
export const severalMatches = ['error', 'newest', 'all'] as const
/** One of {@link severalMatches}. */
export type SeveralMatches = (typeof severalMatches)[number]

/**
 * Parses a target reference.
 * @throws RemoraError USAGE when the text is no reference
 */
export function parseReference(text: string): Reference {
  const malformed = (reason: string) => makeMalformed(shownReference(text), reason)
  if (text === '') throw malformed('a target reference is empty')
  const { scheme = container, value } = splitReference(text)
  return scheme.parse(decode(value), malformed)
}

/** Writes a reference so that {@link parseReference} reads the same one, and nothing on its way changes it. */
export function formatReference(reference: Reference): string {
  const { name, isAlone, format } = schemeOf(reference)
  return isAlone ? name : `${name}:${encode(format(reference))}`
}

/**
 * A reference as it may be shown and logged: without the value of an environment variable, which may be a secret.
 * @param text a reference as typed or formatted
 */
export function shownReference(text: string): string {
  const { scheme, value } = splitReference(text)
  const shown = scheme?.shown?.(decode(value))
  return shown === undefined ? text : `${scheme?.name}:${shown}`
}

/** Whether a text is a reference that means every match. */
export function meansEvery(text: string): boolean {
  const { scheme } = splitReference(text)
  return scheme?.meansEvery === true
}

/** Whether a reference means containers, which engines tell of. */
export function isContainerReference(reference: Reference): reference is ContainerReference {
  return containerScheme(reference) !== undefined
}

/** Returns the containers that a reference means, in the order given. */
export function matchContainers<C extends NamedContainer>(
  reference: ContainerReference,
  containers: readonly C[],
): C[] {
  return containerScheme(reference).match(reference, containers)
}

/** Whether a reference means a target in the list of a Packetflix service. */
export function describesTarget(reference: Reference, target: DescribedTarget): boolean {
  return schemeOf(reference).describes(reference, target)
}

function schemeOf({ scheme }: Reference): Scheme<Reference> {
  return findScheme(scheme) ?? container
}

/** Takes a text apart at its scheme; undefined where it has none that is known. */
function splitReference(text: string): { readonly scheme: Scheme<Reference> | undefined; readonly value: string } {
  const colon = text.indexOf(':')
  const scheme = findScheme(colon < 0 ? text : text.slice(0, colon))
  if (scheme === undefined || (colon < 0 && !scheme.isAlone)) return { scheme: undefined, value: text }
  return { scheme, value: colon < 0 ? '' : text.slice(colon + 1) }
}

function makeMalformed(text: string, reason: string): RemoraError {
  return new RemoraError('USAGE', `"${text.slice(0, 300)}" is no target reference: ${reason}`, {
    hint: 'remora list shows the references of everything on this host.',
  })
}
