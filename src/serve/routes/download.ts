/** `GET /v1/capture/<ticket>.pcapng`: the capture as a file that grows, for browsers and curl. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { shownReference } from '../../reference/reference.ts'
import { downloadChannel } from '../captures/channel-download.ts'
import type { RouteContext } from '../captures/service-state.ts'
import { carry } from '../captures/session-runner.ts'
import { openTicket } from '../captures/upgrade.ts'

/**
 * Redeems the ticket in the path, and answers with the capture.
 * @throws RemoraError TARGET_NOT_FOUND or LIMIT
 */
export function download(c: RouteContext): Response {
  const { incoming, outgoing, service } = c.env
  const { session, prepare } = openTicket((c.req.param('file') ?? '').replace(/\.pcapng$/, ''), incoming, service)
  outgoing.once('close', () => session.kill())
  const name = session.request.targets.map(shownReference).join('-').replace(/^\w+:/, '').slice(0, 100)
  carry(session, downloadChannel(outgoing, name), prepare, service)
  return RESPONSE_ALREADY_SENT
}
