/**
 * The rights of a program that captures and does not give up what it does not need, as tcpdump: it becomes the user nobody
 * with one capability (capabilities(7)) before it is executed. tcpdump could change the user itself, but the kernel forgets
 * the death signal then (commit_creds in kernel/cred.c), and keeps it over what setpriv(1) does before it sets the signal.
 */
import type { NetworkNamespace } from '../namespace/netns.ts'
import { hasCapability, readText } from '../process/proc.ts'

/** The overflow user and group, which own nothing (`/proc/sys/kernel/overflowuid`). */
const nobody = 65_534

const captureOnly = ['--inh-caps=-all,+net_raw', '--ambient-caps=-all,+net_raw', '--no-new-privs']

/**
 * Options of setpriv(1) for a capture in a namespace; none where nothing can be given up: a plain user whose program carries
 * the capability in its file, or who captures in a user namespace of his own.
 */
export function captureRights({ userFd }: Pick<NetworkNamespace, 'userFd'>, proc = '/proc'): string[] {
  if (userFd !== undefined) return []
  if (mayBecomeNobody(proc)) {
    const user = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
    return [...user, ...captureOnly, '--bounding-set=-all,+net_raw']
  }
  return hasCapability('netRaw', proc, 'ambient') ? captureOnly : []
}

/** Only root gets back what he had when setpriv is executed; in a user namespace there may be no nobody. */
function mayBecomeNobody(proc: string): boolean {
  const needed = ['netRaw', 'setuid', 'setgid', 'setpcap'] as const
  return (
    process.geteuid?.() === 0 &&
    /^\s*0\s+0\s+4294967295\s*$/.test(readText(`${proc}/self/uid_map`) ?? '') &&
    needed.every(capability => hasCapability(capability, proc))
  )
}
