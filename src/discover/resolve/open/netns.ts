/** `netns:4026532573`: the network namespace with that inode. */
import { RemoraError } from '../../../base/errors.ts'
import { readContained } from '../../../engine/processes.ts'
import { findHolders } from '../../../linux/namespace/holders.ts'
import { listForeignMounts, listNamespaceMounts } from '../../../linux/namespace/mountinfo.ts'
import { openNamespaceFile, openProcessNamespace } from '../../../linux/namespace/netns.ts'
import { scanProcesses } from '../../../linux/process/table.ts'
import { formatReference } from '../../../reference/reference.ts'
import type { NetnsReference } from '../../../reference/schemes/netns.ts'
import { holderName } from '../../host/held.ts'
import { isAtHome, listTenants } from '../../host/processes.ts'
import type { FoundTarget } from './found.ts'
import { type Opener, ofProcess, openMount } from './opener.ts'

/**
 * Opens the namespace by a process that lives in it; where there is none, or it ended as it was looked at, by a mount, also one
 * that only other processes see; else by a thread or a descriptor that keeps it.
 */
export const openInode: Opener<NetnsReference> = async (reference, { signal }) => {
  const { inode } = reference
  const [tenant] = listTenants(readContained().filter(process => process.netns === inode && isAtHome(process)))
  const mount = listNamespaceMounts().find(candidate => candidate.inode === inode)
  try {
    if (tenant !== undefined) {
      const { pid, startTime, command } = tenant
      return [ofProcess(openProcessNamespace(pid, { startTime, inode }), command)]
    }
  } catch (error) {
    if (mount === undefined) throw error
  }
  if (mount !== undefined) return [openMount(reference, mount.path, inode)]
  const foreign = (await listForeignMounts(await scanProcesses(signal), signal)).find(seen => seen.inode === inode)
  return [foreign === undefined ? await openHeld(reference, signal) : openMount(reference, foreign.path, inode)]
}

/** Opens a namespace through a thread or a descriptor. */
async function openHeld(reference: NetnsReference, signal: AbortSignal): Promise<FoundTarget> {
  const { inode } = reference
  const [holder] = await findHolders(candidate => candidate === inode, signal)
  if (holder === undefined) {
    throw new RemoraError(
      'TARGET_NOT_FOUND',
      `no process, thread or descriptor that this user sees keeps network namespace ${inode}, and no mount`,
      { hint: 'remora list shows the network namespaces there are.' },
    )
  }
  return {
    reference: formatReference(reference),
    name: holderName(holder),
    type: 'proc',
    namespace: openNamespaceFile(holder.path, inode),
  }
}
