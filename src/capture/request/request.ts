/** What a caller asks for, in the program's own terms. Nothing below a face sees a flag. */
import { meansEvery, shownReference } from '../../reference/reference.ts'
import type { CaptureOption } from './option.ts'
import { type captureOptions, fieldName, jsonValue, optionList } from './options.ts'
import type { StreamConnection } from './own-stream.ts'

type OptionValues = { readonly [K in keyof typeof captureOptions]: (typeof captureOptions)[K]['default'] }

/** A capture as it is asked for: its targets, the value of each option, and what is around it. */
export interface CaptureRequest extends OptionValues {
  /** Target references as typed; one of them may mean several targets (`label:`, `annotation:`, `env:`, `compose:`). */
  readonly targets: readonly string[]
  /** Connections that carry the capture away, and are left out of it. */
  readonly ownStream: readonly StreamConnection[]
  /** Leave nothing out, also where the connection is only known at the host that is asked. */
  readonly includeSelf: boolean
  /** What a client calls the host and the cluster of the target; told in the section comment. */
  readonly place: RequestPlace | undefined
}

/**
 * Makes a request.
 * @param read reads the value of an option; undefined: it was not said
 */
export function requestOf(
  targets: readonly string[],
  read: (name: string, option: CaptureOption<unknown>) => unknown = () => undefined,
): CaptureRequest {
  const values = Object.fromEntries(optionList.map(([name, option]) => [name, read(name, option) ?? option.default]))
  return {
    ...(values as OptionValues),
    ...{ targets: [...new Set(targets)], ownStream: [], includeSelf: false, place: undefined },
  }
}

/** Why a request needs its packets to be merged on their way: empty where dumpcap may write them itself. */
export function reasonsToMerge(request: OptionValues): string[] {
  return told(request, ({ reasonToMerge }, value) => reasonToMerge?.(value))
}

/** What a request asks for that a Packetflix service cannot do. */
export function unknownToPacketflix(request: OptionValues): string[] {
  return told(request, ({ packetflix }, value) => typeof packetflix === 'object' && packetflix.refuse(value))
}

function told(
  request: OptionValues,
  tell: (option: CaptureOption<unknown>, value: unknown) => string | false | undefined,
): string[] {
  return optionList.flatMap(([name, option]) => tell(option, request[name as keyof OptionValues]) || [])
}

/** The options as they stand in the body of a request to a service. */
export function bodyOptions(request: OptionValues): Record<string, unknown> {
  return Object.fromEntries(
    optionList.map(([name, option]) => [
      fieldName(name, option),
      jsonValue(option, request[name as keyof OptionValues]),
    ]),
  )
}

/** A host and its cluster, as a client knows them. */
export interface RequestPlace {
  /** Name of the host; empty when the client does not tell. */
  readonly node: string
  /** Identity of the cluster; undefined: of none. */
  readonly cluster?: string | undefined
}

/** Milliseconds packets are held back, so that the keys for them come first. */
export const keysWindow = 300

/** Whether a capture may come to have several targets: what it captures is then named after them. */
export function isForSeveral({ targets, match }: CaptureRequest): boolean {
  return targets.length > 1 || match === 'all' || targets.some(meansEvery)
}

/** What a request is for, as it may be shown and logged. */
export function shownTargets({ targets }: Pick<CaptureRequest, 'targets'>): string {
  return targets.map(shownReference).join(', ')
}

/** Splits references that are parted by blanks or commas; inside of one those are percent-encoded. */
export function parseReferences(text: string): string[] {
  return text.split(/[\s,]+/).filter(reference => reference !== '')
}
