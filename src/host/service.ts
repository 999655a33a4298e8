/** A machine behind a capture service: one of remora's own, or one of Packetflix. */
import { abortAfter } from '../base/abort.ts'
import type { RunContext, RunnableCapture } from '../capture/capture.ts'
import { requestOf } from '../capture/request/request.ts'
import { qualifiedName } from '../reference/grammar/containers.ts'
import { describeService, type RemoteService } from '../remote/service.ts'
import type { Host } from './host.ts'
import type { ServiceRequest } from './service/prepare.ts'

/** A host that can be asked for a little more: what a link means. */
export interface ServiceHost extends Host {
  readonly service: RemoteService
  prepare(request: ServiceRequest, context: RunContext, signal?: AbortSignal): Promise<RunnableCapture>
}

/** Milliseconds a service has on top of its engines: it looks into every namespace. */
const serviceTimeMs = 1_200
/** Milliseconds its engines have where the interfaces of one target are asked for. */
const engineTimeoutMs = 300

/** Asks a service for whatever a host is asked for. */
export function serviceHost(service: RemoteService): ServiceHost {
  const host: ServiceHost = {
    name: describeService(service),
    service,
    async list({ signal, engineTimeoutMs }) {
      const { listTargets } = await import('./service/list.ts')
      if (engineTimeoutMs === undefined) return listTargets(service, signal)
      return listTargets(service, AbortSignal.any([signal, abortAfter(engineTimeoutMs + serviceTimeMs)]))
    },
    async watch(options) {
      return (await import('./service/list.ts')).watchTargets(service, options)
    },
    async running(engineTimeoutMs, signal) {
      const { targets } = await host.list({ signal, engineTimeoutMs, thorough: false })
      return targets
        .filter(({ container, members }) => container !== undefined || members !== undefined)
        .map(target => ({ name: qualifiedName(target), type: target.type, reference: target.reference }))
    },
    async interfaces(text, signal) {
      const { prepare } = await import('./service/prepare.ts')
      const question = { ...requestOf([text]), promiscuous: false, names: false }
      const { reference } = await prepare(service, question, signal)
      const { targets } = await host.list({ signal, engineTimeoutMs, thorough: false })
      return targets.find(target => target.reference === reference)?.interfaces ?? []
    },
    async prepare(request, context, signal = context.lifetime.stop) {
      const [{ prepare }, { run }] = await Promise.all([import('./service/prepare.ts'), import('./service/run.ts')])
      const capture = await prepare(service, request, signal)
      return {
        name: capture.name,
        preview: async () => ({ whole: capture.plan, targets: [] }),
        run: output => run(capture, output, context),
        close() {},
      }
    },
    async open(request, context, signal = context.lifetime.stop) {
      const [{ prepare }, { open }] = await Promise.all([import('./service/prepare.ts'), import('./service/open.ts')])
      return open(await prepare(service, request, signal), context, signal)
    },
    async check() {
      return (await import('./service/check.ts')).checkService(service)
    },
  }
  return host
}
