/** What a process may do, and programs that may do less (capabilities(7), setpriv(1)). */
import { serviceCapabilities } from '../../src/setup/service-unit.ts'

/** A user that owns nothing here. */
export const plainUser = 60_999

/** What stands before a command that is to run as the service does: a plain user with these capabilities and no others. */
export function asService(capabilities: readonly string[] = serviceCapabilities, path = standardPath): string[] {
  const set = ['-all', ...capabilities.map(name => name.replace('CAP_', '+').toLowerCase())].join(',')
  return [
    ...['setpriv', '--reuid', String(plainUser), '--regid', String(plainUser), '--clear-groups', '--no-new-privs'],
    ...['--inh-caps', set, '--ambient-caps', set, '--bounding-set', set],
    ...['env', '-i', `PATH=${path}`, 'HOME=/'],
  ]
}

export const standardPath = '/usr/sbin:/usr/bin:/sbin:/bin'

/** Numbers of linux/capability.h. */
const numbers = { CAP_DAC_OVERRIDE: 1, CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_PTRACE: 19, CAP_SYS_ADMIN: 21 }

/** Names of the capabilities in a set of /proc/PID/status; those without a name here are told as a number. */
export function capabilitiesIn(status: string, set: string): string[] {
  const [, mask = '0'] = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? []
  const all = BigInt(`0x${mask}`)
  const known = Object.entries(numbers).filter(([, number]) => (all >> BigInt(number)) & 1n)
  const rest = known.reduce((left, [, number]) => left & ~(1n << BigInt(number)), all)
  return [...known.map(([name]) => name), ...(rest === 0n ? [] : [`others: ${rest.toString(16)}`])].sort()
}
