/**
 * `--capture`: packets into Wireshark's fifo until Wireshark has enough. Silent, unless the capture cannot start, breaks,
 * or ends for a reason the person in front of Wireshark did not cause.
 */
import { RemoraError } from '../src/base/errors.ts'
import { printable, writeFully } from '../src/base/write.ts'
import type { Lifetime } from '../src/capture/request/lifetime.ts'
import type { CaptureReport } from '../src/capture/request/report.ts'
import { type CaptureRequest, parseReferences, requestOf } from '../src/capture/request/request.ts'
import { usualHost } from '../src/host/choose.ts'
import type { Host } from '../src/host/host.ts'
import { type HostRequest, runCapture } from '../src/host/run.ts'
import type { ServiceRequest } from '../src/host/service/prepare.ts'
import { type CaptureStep, textValue, unknownArguments } from './argv.ts'
import { dockerHostInterface, localInterface, packetflixInterface } from './interfaces.ts'
import type { StepContext } from './step.ts'
import { requireInterface } from './step-dlts.ts'
import { uniqueInterfaces } from './step-interfaces.ts'

/** Milliseconds an engine has when the capture depends on it. */
const engineTimeout = 2_000

/**
 * Captures into the fifo of the call, and returns when the capture has ended.
 * @throws RemoraError as a capture does; USAGE for a call that is not understood, TARGET_NOT_FOUND when the container of the
 *   interface has gone
 */
export async function capture(step: CaptureStep, { log }: StepContext, lifetime: Lifetime): Promise<void> {
  const parent = process.ppid
  if (step.fifo === undefined || step.fifo === '') {
    throw new RemoraError('USAGE', '--capture needs --fifo PATH', {
      hint: 'Wireshark passes it; use remora capture by hand.',
    })
  }
  const destination = { kind: 'fifo', path: step.fifo } as const
  // A word on standard error would be an error box when the capture ends.
  const context = { lifetime, log, parent, onSilence: (line: string) => log.info(line) }
  const { interface: nif } = step
  const report = await (nif === dockerHostInterface || nif === packetflixInterface
    ? runCapture(serviceRequest(step), destination, context)
    : runCapture(hostRequest(step, await usualHost(), lifetime.stop), destination, context))
  if (report !== undefined) explain(report)
}

async function serviceRequest(step: CaptureStep): Promise<HostRequest<ServiceRequest>> {
  if (step.unknown.length > 0) throw unknownArguments(step.unknown)
  return (await import('./service-arguments.ts')).serviceRequest(step)
}

async function hostRequest(step: CaptureStep, host: Host, signal: AbortSignal): Promise<HostRequest<CaptureRequest>> {
  return { host, request: await captureRequest(step, host, signal) }
}

async function captureRequest(step: CaptureStep, host: Host, signal: AbortSignal): Promise<CaptureRequest> {
  const { values, filter, unknown } = step
  requireInterface(step.interface)
  if (unknown.length > 0) throw unknownArguments(unknown)
  const request = requestOf(await targetReferences(step, host, signal), (_, { dialog }) => {
    if (dialog === undefined) return undefined
    const { call, type } = dialog.argument
    const value = type === 'boolflag' ? values[call] === true : textValue(values, call)
    return dialog.read(value as never)
  })
  return { ...request, filter }
}

/** The targets of the general interface are in its arguments, that of a container's own is in its name. */
async function targetReferences(
  { interface: nif, values }: CaptureStep,
  host: Host,
  signal: AbortSignal,
): Promise<string[]> {
  if (nif === localInterface) {
    const [first = textValue(values, 'target'), ...others] = parseReferences(textValue(values, 'reference'))
    const together = parseReferences(textValue(values, 'together'))
    const all = [...new Set([first, ...others, ...together])].filter(text => text !== '')
    return all.length === 0 ? ['host'] : all
  }
  const containers = await host.running(engineTimeout, signal)
  const match = uniqueInterfaces(containers).find(({ value }) => value === nif)
  if (match === undefined) {
    throw new RemoraError('TARGET_NOT_FOUND', `the container or pod of interface ${nif} is no longer running`, {
      hint: 'Refresh the interfaces (F5), or start the container.',
    })
  }
  return [match.container.reference]
}

/** A capture that ends by itself looks like a fault to whoever watches it, so the reason is told. */
function explain({ end, goneInterface, missedInterfaces, reference }: CaptureReport): void {
  const reason = {
    'target-gone': `${reference} has stopped`,
    'interface-gone': `interface ${goneInterface} of ${reference} was removed`,
  }[end as string]
  const missed = missedInterfaces && `${missedInterfaces.join(', ')} of ${reference} came up later and was not captured`
  if (missed !== undefined) writeFully(2, `${printable(reason === undefined ? missed : `${reason}; ${missed}`)}\n`)
  else if (reason !== undefined) writeFully(2, `${printable(reason)}; the capture has ended\n`)
}
