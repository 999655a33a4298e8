/** What clients of Packetflix and Ghostwire ask for, as those answer. */
import { version } from '../../base/version.ts'
import type { RouteContext } from '../captures/service-state.ts'

/** The name is the protocol's, by which clients know that a capture service answers; as text, like the original. */
export function printVersion(c: RouteContext): Response {
  return c.text(JSON.stringify({ name: 'packetflix', version }))
}

/** Answers with the targets, as Ghostwire lists them. */
export async function printMobyshark(c: RouteContext): Promise<Response> {
  return c.json((await c.env.service.discovery.mobyshark()).document)
}

/** Answers with the topology of the host. */
export async function printGhostwire(c: RouteContext): Promise<Response> {
  return c.json((await c.env.service.discovery.ghostwire()).document)
}
