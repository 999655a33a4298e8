/** The answer to `POST /v1/captures`: a ticket for the capture, and what the capture will be. */
import * as v from 'valibot'
import { count, names, text } from './parts.ts'

/** What will be captured of one target; of one that is waited for only the reference is known. */
const described = {
  reference: text,
  name: v.optional(text),
  type: v.optional(text),
  netns: v.optional(count),
  interfaces: v.optional(names),
  filter: v.optional(v.pipe(text, v.description('capture filter in effect'))),
}

const entries = {
  url: v.optional(v.pipe(text, v.description('of the capture as a WebSocket'))),
  download: v.optional(v.pipe(text, v.description('of the capture as a download'))),
  path: v.pipe(
    v.string(),
    v.startsWith('/'),
    v.maxLength(4096),
    v.description('of the WebSocket, below the address of the service'),
  ),
  expires: v.optional(v.pipe(text, v.description('ISO 8601'))),
  ...described,
  route: v.optional(
    v.pipe(text, v.description('direct: dumpcap writes the capture itself; woven: it goes through remora')),
  ),
  targets: v.optional(v.pipe(v.array(v.object(described)), v.description('where there are several'))),
}

/** A ticket. What a newer service tells beside is shown as it is. */
export const ticket = v.looseObject(entries)
/** A ticket, as it is sent. */
export type TicketJson = v.InferOutput<v.ObjectSchema<typeof entries, undefined>>
