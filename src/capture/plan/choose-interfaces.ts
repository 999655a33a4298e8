/** Which interfaces of a target are captured: those that were asked for, or every one that is up. */
import { RemoraError } from '../../base/errors.ts'
import { didYouMean, nearestNames } from '../../base/nearest.ts'
import { hasName, type NetworkInterface } from '../../model/interface.ts'
import type { CapturePoint } from '../../protocol/v1/values.ts'

/** An interface that is captured. */
export type Chosen = Pick<NetworkInterface, 'name' | 'index'>

/** The pseudo-interface for every interface there is; one of that name is captured as any other. */
export const everyInterface: Chosen = { name: 'any', index: 0 }

/** What is chosen. */
export interface Choice {
  readonly chosen: readonly Chosen[]
  /** What is to be told of it, in a line for people. */
  readonly note?: string
}

/** What the choice depends on, beside the names that were asked for. */
export interface ChoiceOptions {
  /** How the target is called. */
  readonly target: string
  /** There are several targets: each has some of the interfaces that were asked for. */
  readonly several: boolean
  /** Interfaces that are captured one by one; each costs a socket with its buffer, and a thread or a process. */
  readonly maxInterfaces: number
  /** Capture on `any` where no interface is up, or too many are. */
  readonly allowAny: boolean
  /** Only what has another end can be captured there. */
  readonly at: CapturePoint
}

/**
 * Chooses.
 * @param wanted names that were asked for; empty for every interface that is up
 * @throws RemoraError INTERFACE_NOT_FOUND when an interface is unknown or down, or none is left; LIMIT when there are too many
 */
export function chooseInterfaces(
  wanted: readonly string[],
  interfaces: readonly NetworkInterface[],
  options: ChoiceOptions,
): Choice {
  if (wanted.length > 0) return { chosen: withinLimit(chooseNamed(wanted, interfaces, options), options) }
  const usable = interfaces.filter(({ up }) => up)
  const { target, maxInterfaces, at } = options
  const allowAny = options.allowAny && at === 'inside'
  if (usable.length === 0) {
    if (allowAny) {
      return {
        chosen: [everyInterface],
        note: `no interface of ${target} is up: any is captured, and sees what comes up`,
      }
    }
    throw new RemoraError('INTERFACE_NOT_FOUND', `${target} has no network interface that is up`, {
      hint: 'Bring one up; inside the target (--at inside) any can be captured until then.',
    })
  }
  if (usable.length <= maxInterfaces || !allowAny) return { chosen: withinLimit(usable, options) }
  const note = `${usable.length} interfaces of ${target} are up: any is captured in place of each (-i NAME captures those named one by one)`
  return { chosen: [everyInterface], note }
}

function withinLimit(chosen: readonly Chosen[], { target, maxInterfaces, at }: ChoiceOptions): readonly Chosen[] {
  if (chosen.length <= maxInterfaces) return chosen
  throw new RemoraError(
    'LIMIT',
    `${chosen.length} interfaces of ${target} are too many to capture one by one: ${maxInterfaces} may be`,
    { hint: `Name fewer of them with -i${at === 'peer' ? '.' : ', or all together: -i any'}` },
  )
}

function chooseNamed(
  wanted: readonly string[],
  interfaces: readonly NetworkInterface[],
  { target, several, at }: ChoiceOptions,
): readonly Chosen[] {
  const usable = interfaces.filter(({ up }) => up)
  const any = at === 'peer' ? [] : [everyInterface]
  const find = (name: string) => any.find(nif => nif.name === name) ?? usable.find(nif => hasName(nif, name))
  const found = [...new Set(wanted.flatMap(name => find(name) ?? []))]
  if (several && found.length > 0) return found
  for (const name of wanted) {
    if (find(name) !== undefined) continue
    const known = [...(at === 'peer' ? usable.filter(({ lower }) => lower) : usable), ...any].map(nif => nif.name)
    const state = interfaces.some(nif => hasName(nif, name)) ? 'is down' : stateOfUnknown(name, at)
    throw new RemoraError('INTERFACE_NOT_FOUND', `interface "${name}" of ${target} ${state}; ${choiceOf(known, at)}`, {
      hint: didYouMean(nearestNames(name, known, 1).map(asTyped), hintFor(known)),
    })
  }
  return found
}

function stateOfUnknown(name: string, at: CapturePoint): string {
  return at === 'peer' && name === everyInterface.name ? 'has no other end' : 'does not exist'
}

function choiceOf(known: readonly string[], at: CapturePoint): string {
  if (known.length === 0) return 'none that is up has another end'
  const more = known.length - mostNamed
  const shown = more > 1 ? [...known.slice(0, mostNamed), `${more} more`] : known
  return `${at === 'peer' ? 'another end may have' : 'there are'} ${shown.join(', ')}`
}

/** A name as `-i` takes it: commas part names, unless a slash does, which no name has. */
function asTyped(name: string): string {
  return name.includes(',') ? `${name}/` : name
}

function hintFor(known: readonly string[]): string {
  return known.length === 0 ? 'Capture inside the target (--at inside).' : 'Choose one of them, or none for all.'
}

/** Interfaces that are named in a message. */
const mostNamed = 40
