/** What goes wrong when a program captures, in the same words whichever program it is. */
import { RemoraError } from '../../base/errors.ts'
import { installCommand, lookUpTool } from '../programs/tools.ts'

type CaptureTool = 'dumpcap' | 'tcpdump'

/**
 * A capture filter that does not compile.
 * @param reason libpcap's own words, where it gave some
 */
export function filterInvalid(filter: string, nif: string, reason: string | undefined): RemoraError {
  const cause = reason?.replace(/^can't parse filter expression: /, '') ?? 'it does not compile'
  return new RemoraError('FILTER_INVALID', `the capture filter "${filter}" is not valid on ${nif}: ${cause}`, {
    hint: 'Capture filters are written as in pcap-filter(7), for example: tcp port 80 and host 10.0.0.1',
  })
}

/** An interface that is not there. */
export function interfaceMissing(nif: string): RemoraError {
  return new RemoraError('INTERFACE_NOT_FOUND', `the target has no interface ${nif}`, {
    hint: 'Name another one with -i, or none for all that are up.',
  })
}

/** An interface that is there, and not up. */
export function interfaceDown(nif: string): RemoraError {
  return new RemoraError('INTERFACE_NOT_FOUND', `the interface ${nif} is down`, {
    hint: 'Bring it up, or capture on the pseudo-interface any, which waits for one: -i any',
  })
}

/** An interface that goes down while its filter is set (packet(7), ENETDOWN); libpcap does not say which. */
export function interfaceWentDown(): RemoraError {
  return new RemoraError('INTERFACE_NOT_FOUND', 'an interface went down while the capture began', {
    hint: 'Start the capture again when it is up.',
  })
}

/** A program that this user may not capture with. */
export function mayNotCapture(tool: CaptureTool): RemoraError {
  const path = lookUpTool(tool)
  return new RemoraError('FORBIDDEN', `${tool} may not capture as this user`, {
    hint: `Run as root, with sudo; or let this user capture: sudo setcap cap_net_raw,cap_net_admin=ep ${path}`,
  })
}

/** Any other complaint, in the program's own words. */
export function captureFailed(tool: CaptureTool, complaint: string): RemoraError {
  return new RemoraError('CAPTURE_FAILED', `${tool} failed: ${complaint.slice(0, 400)}`, {
    hint: `remora doctor checks whether ${tool} can run at all (${installCommand(tool)}).`,
  })
}
