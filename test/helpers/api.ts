/** What a service sends, against the schemas its clients read it with, and against its description for programs. */
import type { GenericSchema } from 'valibot'
import { parseJson } from '../../src/protocol/json.ts'
import { errorAnswer } from '../../src/protocol/v1/error.ts'
import { watchEvent } from '../../src/protocol/v1/events.ts'
import { captureNote } from '../../src/protocol/v1/notes.ts'
import { captureList, health } from '../../src/protocol/v1/status.ts'
import { targetList } from '../../src/protocol/v1/target.ts'
import { ticket } from '../../src/protocol/v1/ticket.ts'
import { openApiDocument } from '../../src/serve/routes/openapi.ts'
import { fromJsonSchema, type JsonSchema } from './json-schema.ts'

/** By method and path. */
const answers: Readonly<Record<string, GenericSchema>> = {
  'GET /healthz': health,
  'GET /v1/targets': targetList,
  'GET /v1/captures': captureList,
  'POST /v1/captures': ticket,
}

/** Throws unless an answer is what is promised; those of Packetflix and Ghostwire are somebody else's promise. */
export async function checkAnswer(method: string, url: string, answer: Response): Promise<void> {
  if (method === 'HEAD' || answer.headers.get('content-type')?.startsWith('application/json') !== true) return
  const { pathname } = new URL(url)
  const schema = answer.ok ? answers[`${method} ${pathname}`] : errorAnswer
  if (schema === undefined) return
  const place = answer.ok ? ['paths', pathname, method.toLowerCase(), 'responses', String(answer.status)] : error
  check(await answer.clone().text(), schema, [...place, 'content', 'application/json', 'schema'])
}

const error = ['components', 'responses', 'Error']

/** Throws unless a note of a capture is what is promised. */
export function checkNote(frame: string): void {
  check(frame, captureNote, ['components', 'schemas', 'Note'])
}

/** Throws unless the data of an event is what is promised. */
export function checkEvent(data: string): void {
  const place = ['paths', '/v1/targets/watch', 'get', 'responses', '200', 'content', 'text/event-stream', 'schema']
  check(data, watchEvent, place)
}

function check(text: string, schema: GenericSchema, place: readonly string[]): void {
  parseJson(schema, text)
  const described = place.reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], openApiDocument())
  const faults = fromJsonSchema(described as JsonSchema)(JSON.parse(text), '$')
  if (faults.length > 0) throw new Error(`not as described at ${place.join(' › ')}: ${faults.slice(0, 5).join('; ')}`)
}
