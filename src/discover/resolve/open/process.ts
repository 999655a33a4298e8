/** `process:nginx`: processes of that command name with a network namespace of their own. */
import { RemoraError } from '../../../base/errors.ts'
import type { ProcessReference } from '../../../reference/schemes/process.ts'
import { findHost } from '../../host/host.ts'
import { findCommand } from '../../host/processes.ts'
import { ambiguous } from './found.ts'
import { type Opener, openProcesses } from './opener.ts'

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
  return openProcesses(match === 'newest' ? tenants.slice(0, 1) : tenants)
}
