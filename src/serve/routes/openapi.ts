/** The description of the service for programs (OpenAPI 3.1), made from the schemas that validate. */
import { toJsonSchema } from '@valibot/to-json-schema'
import type { GenericSchema } from 'valibot'
import { version } from '../../base/version.ts'
import { stockTargets } from '../../protocol/packetflix/target.ts'
import { errorAnswer } from '../../protocol/v1/error.ts'
import { watchEvent } from '../../protocol/v1/events.ts'
import { captureNote } from '../../protocol/v1/notes.ts'
import { captureList, health } from '../../protocol/v1/status.ts'
import { targetList } from '../../protocol/v1/target.ts'
import { ticket } from '../../protocol/v1/ticket.ts'
import { captureBody } from '../captures/request.ts'

interface Operation {
  readonly method: 'get' | 'post' | 'delete'
  readonly path: string
  readonly summary: string
  /** Status and what comes with it. */
  readonly answer: readonly [status: number, description: string, type?: string]
  readonly schema?: GenericSchema
  readonly parameters?: readonly object[]
  readonly body?: GenericSchema
}

const inPath = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
})
const inQuery = (name: string, description: string) => ({ name, in: 'query', description, schema: { type: 'string' } })

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/targets',
    summary: 'Everything that can be captured',
    answer: [200, 'Targets'],
    schema: targetList,
  },
  {
    method: 'get',
    path: '/v1/targets/watch',
    summary: 'What appears, changes and goes',
    answer: [
      200,
      'Server-sent events: appear, change, gone, ready, warning; the schema is that of their data',
      'text/event-stream',
    ],
    schema: watchEvent,
  },
  {
    method: 'post',
    path: '/v1/captures',
    summary: 'Ask for a capture',
    answer: [201, 'A ticket: the URL of the capture, good once and for 60 s'],
    schema: ticket,
    body: captureBody,
  },
  { method: 'get', path: '/v1/captures', summary: 'Captures that run', answer: [200, 'Captures'], schema: captureList },
  {
    method: 'delete',
    path: '/v1/captures/{id}',
    summary: 'End a capture',
    answer: [204, 'It has been asked to end'],
    parameters: [inPath('id', 'of the capture')],
  },
  {
    method: 'get',
    path: '/v1/capture/{ticket}',
    summary: 'The capture as a WebSocket: binary frames are pcapng, text frames notes (#/components/schemas/Note)',
    answer: [101, 'WebSocket'],
    parameters: [inPath('ticket', 'from POST /v1/captures')],
  },
  {
    method: 'get',
    path: '/v1/capture/{ticket}.pcapng',
    summary: 'The capture as a download',
    answer: [200, 'pcapng', 'application/vnd.tcpdump.pcap'],
    parameters: [inPath('ticket', 'from POST /v1/captures')],
  },
  {
    method: 'get',
    path: '/capture',
    summary: 'The capture as a WebSocket of Packetflix',
    answer: [101, 'WebSocket'],
    parameters: [
      inQuery('container', 'JSON of a target, as /mobyshark has it; or header Clustershark-Container'),
      inQuery('netns', 'inode of a network namespace, in place of container'),
      inQuery('nif', 'interfaces joined by /, or any; or header Clustershark-Nif'),
      inQuery('filter', 'capture filter; or header Clustershark-Filter'),
      inQuery('chaste', 'present: no promiscuous mode; or header Clustershark-Chaste'),
      inQuery('include-self', 'present: capture this very connection, too'),
      inQuery('token', 'bearer token, for clients that cannot send a header'),
    ],
  },
  {
    method: 'get',
    path: '/mobyshark',
    summary: 'Targets, as Ghostwire lists them',
    answer: [200, 'Targets'],
    schema: stockTargets,
  },
  {
    method: 'get',
    path: '/discover/mobyshark',
    summary: 'The same as /mobyshark',
    answer: [200, 'Targets'],
    schema: stockTargets,
  },
  { method: 'get', path: '/json', summary: 'Network topology, as Ghostwire tells it', answer: [200, 'Topology'] },
  { method: 'get', path: '/version', summary: 'Protocol and version', answer: [200, 'JSON text', 'text/plain'] },
  { method: 'get', path: '/healthz', summary: 'Whether the service answers', answer: [200, 'It does'], schema: health },
  { method: 'get', path: '/metrics', summary: 'Counts for Prometheus', answer: [200, 'Counts', 'text/plain'] },
]

/** The document. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { method, path, summary, answer, schema, parameters, body } of operations) {
    const [status, description, type = 'application/json'] = answer
    const content = status === 200 || status === 201 ? { content: { [type]: schema ? contentOf(schema) : {} } } : {}
    paths[path] = {
      ...paths[path],
      [method]: {
        summary,
        ...(parameters && { parameters }),
        ...(body && { requestBody: { required: true, content: { 'application/json': contentOf(body) } } }),
        responses: { [status]: { description, ...content }, default: { $ref: '#/components/responses/Error' } },
      },
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'remora',
      version,
      description: 'Packets of any container, pod, process or network namespace, live.',
    },
    security: [{}, { bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Note: contentOf(captureNote).schema },
      responses: { Error: { description: 'A failure', content: { 'application/json': contentOf(errorAnswer) } } },
    },
  }
}

function contentOf(schema: GenericSchema) {
  return { schema: toJsonSchema(schema, { typeMode: 'input', errorMode: 'ignore' }) }
}
