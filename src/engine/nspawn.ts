/** systemd-nspawn: it has no daemon to ask. */
import { basename } from 'node:path'
import { optionValue } from '../linux/process/proc.ts'
import type { Traces } from './kind.ts'

/** systemd-nspawn. */
export const nspawn: Traces = {
  groups: [/^systemd-nspawn@(.+)\.service$/, /^machine-(?!qemu)(.+)\.scope$/],
  readId: unescapeUnit,
  monitors: { 'systemd-nspawn': { trace } },
}

/** systemd-nspawn(1): `-M NAME`, or else the name of its directory. */
function trace(args: readonly string[]) {
  const id = optionValue(args, ['-M', '--machine']) ?? basename(optionValue(args, ['-D', '--directory']) ?? '')
  return id === '' ? undefined : { id }
}

/** systemd.unit(5) writes what a unit's name may not hold as `\x2d`. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}
