/** `remora list --watch`: one line for each target that appears, changes or goes, until nobody wants more. */
import { printable, printableJson } from '../base/write.ts'
import { interestCheck, whileWanted } from '../capture/output/liveness.ts'
import { signalLifetime } from '../capture/request/lifetime.ts'
import type { TargetEvent } from '../discover/watch/watch-state.ts'
import type { Host } from '../host/host.ts'
import { targetKey } from '../model/key.ts'
import type { Target } from '../model/target.ts'
import { targetJson } from '../protocol/v1/target-json.ts'
import { qualifiedName } from '../reference/grammar/containers.ts'
import { print, warn } from './render/terminal.ts'

/**
 * Prints what happens to the targets that are wanted.
 * @param json one JSON object a line, numbered
 */
export async function watch(host: Host, isWanted: (target: Target) => boolean, json: boolean): Promise<void> {
  let sequence = 0
  const onlyWanted = wantedEvents(isWanted)
  const onEvent = (told: TargetEvent) => {
    const time = new Date()
    const wanted = onlyWanted(told)
    if (wanted === undefined) return
    const { event, target } = wanted
    sequence++
    print(
      json
        ? `${printableJson({ seq: sequence, time: time.toISOString(), event, target: targetJson(target) })}\n`
        : line(time, event, target),
    )
  }
  const { stop } = signalLifetime()
  const onWarning = (warning: string) => warn(`warning: ${printable(warning)}\n`)
  await whileWanted(interestCheck(1, undefined), stop, signal => host.watch({ signal, onEvent, onWarning }))
}

/** Events of the targets that are wanted: one that comes to be wanted appears, one that is wanted no longer has gone. */
export function wantedEvents(isWanted: (target: Target) => boolean): (told: TargetEvent) => TargetEvent | undefined {
  const shown = new Set<string>()
  return ({ event, target }) => {
    const key = targetKey(target)
    if (event === 'gone' || !isWanted(target)) return shown.delete(key) ? { event: 'gone', target } : undefined
    if (shown.has(key)) return { event: 'change', target }
    shown.add(key)
    return { event: 'appear', target }
  }
}

function line(time: Date, event: TargetEvent['event'], target: Target): string {
  const { type, container, interfaces, addresses } = target
  const details = [type, container?.state, interfaces.join(' '), addresses.join(' '), container?.image]
  const text = [event.padEnd(6), qualifiedName(target), ...details.filter(Boolean)].join('  ')
  return `${time.toTimeString().slice(0, 8)}  ${printable(text)}\n`
}
