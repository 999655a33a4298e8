/** Which interfaces of a target could be captured. */
import { resolveTarget } from '../../discover/resolve/resolve.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'

/**
 * Names of the interfaces of a target that are up.
 * @throws RemoraError as resolving the target does
 */
export async function listTargetInterfaces(reference: string, signal: AbortSignal): Promise<string[]> {
  const { namespace } = await resolveTarget(reference, { signal, names: false })
  try {
    const interfaces = await listInterfaces(namespace, signal)
    return interfaces.filter(({ up }) => up).map(({ name }) => name)
  } finally {
    namespace.close()
  }
}
