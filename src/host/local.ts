/** The machine this program runs on. */
import { hostname } from 'node:os'
import type { Host } from './host.ts'

/** Does by itself whatever a host is asked for. */
export const thisMachine: Host = {
  name: 'this machine',
  async list({ signal, engineTimeoutMs, thorough }) {
    const { discover } = await import('../discover/list/discover.ts')
    return discover({ signal, timeout: engineTimeoutMs, interfaces: thorough, ...(thorough && { held: 'all' }) })
  },
  async watch(options) {
    return (await import('../discover/watch/watch.ts')).watchTargets(options)
  },
  async running(engineTimeoutMs, signal) {
    return (await import('../discover/list/running.ts')).listRunningTargets(engineTimeoutMs, signal)
  },
  async interfaces(reference, signal) {
    return (await import('../capture/taps/interfaces.ts')).listTargetInterfaces(reference, signal)
  },
  async prepare(request, context, signal) {
    return (await import('../capture/capture.ts')).prepareRunnable(request, context, signal)
  },
  async open(request, context, signal) {
    return (await import('../capture/stream.ts')).openPacketStream(hostname(), request, context, signal)
  },
  async check(env) {
    const [{ checkCapture }, { checkSocket }] = await Promise.all([
      import('../setup/doctor.ts'),
      import('./service/check.ts'),
    ])
    return [...(await checkCapture(env)), ...checkSocket(env)]
  },
}
