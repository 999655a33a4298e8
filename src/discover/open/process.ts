/** `process:nginx`: processes of that command name with a network namespace of their own. */
import { RemoraError } from '../../base/errors.ts'
import { openProcessNamespace } from '../../linux/namespace/netns.ts'
import type { ProcessReference } from '../../reference/schemes/process.ts'
import { ambiguous, type FoundTarget } from '../found.ts'
import { findHost } from '../host.ts'
import { findCommand } from '../processes.ts'
import { type Opener, ofProcess } from './opener.ts'

/** Opens the namespaces of the processes, of several the newest first. */
export const openCommand: Opener<ProcessReference> = ({ command }, { match }) => {
  const tenants = findCommand(command, findHost()?.netns).toSorted((a, b) => b.startTime - a.startTime)
  if (tenants.length === 0) {
    throw new RemoraError('TARGET_NOT_FOUND', `no process named "${command}" has a network namespace of its own`, {
      hint: 'A process that shares the network of the host is captured with host.',
    })
  }
  if (tenants.length > 1 && match === 'error') {
    throw ambiguous(
      `process:${command}`,
      tenants.map(other => `pid:${other.pid}@${other.startTime}`),
    )
  }
  const opened: FoundTarget[] = []
  try {
    for (const { pid, startTime, netns } of match === 'newest' ? tenants.slice(0, 1) : tenants)
      opened.push(ofProcess(openProcessNamespace(pid, { startTime, inode: netns }), command))
    return opened
  } catch (error) {
    for (const { namespace } of opened) namespace.close()
    throw error
  }
}
