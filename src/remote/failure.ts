/** What goes wrong on the way to a service, in words that say what to do. */
import type { GenericSchema, InferOutput } from 'valibot'
import { type ErrorCode, errorKinds, RemoraError, reasonOf, systemCode } from '../base/errors.ts'
import { parseJson, readJson } from '../protocol/json.ts'
import { errorAnswer } from '../protocol/v1/error.ts'
import { describeService, type RemoteService } from './service.ts'

const certificateHint = 'Name the authority (--ca FILE), or take any certificate (--insecure).'

const hints: Record<string, string> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'Use a name the certificate is for, or take any certificate (--insecure).',
  CERT_HAS_EXPIRED: 'The service needs a new certificate; --insecure takes any.',
  ECONNREFUSED: 'Is the service running, and is the port right? remora serve listens on port 5001.',
  ENOTFOUND: 'Is the name of the host right?',
  EAI_AGAIN: 'The name of the host cannot be looked up at the moment.',
  ENOENT: 'There is no such socket: is the service running?',
  EACCES: 'This user may not use the socket: join its group.',
  ECONNRESET: 'Does the service speak TLS, or the other way round? Compare http: and https:.',
}

/** The failure of a connection that could not be made, or broke. */
export function connectionFailure(service: RemoteService, thrown: unknown): RemoraError {
  if (thrown instanceof RemoraError) return thrown
  const causes = thrown instanceof AggregateError ? thrown.errors : [thrown]
  const code = systemCode(causes[0]) ?? ''
  const reasons = [...new Set(causes.map(reasonOf))].join('; ')
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    // OpenSSL's own words are for those who know its sources.
    return new RemoraError(
      'PEER_FAILED',
      `cannot reach ${describeService(service)}: it does not speak TLS as it should`,
      {
        cause: thrown,
        hint: 'Does it speak TLS at all? Without: http: or ws:, and a packetflix: URL begins packetflix:ws:.',
      },
    )
  }
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO/.test(code)
  return new RemoraError(
    code === 'EACCES' ? 'FORBIDDEN' : 'PEER_FAILED',
    `cannot reach ${describeService(service)}: ${reasons}`,
    {
      cause: thrown,
      hint: hints[code] ?? (isCertificate ? certificateHint : 'remora list --host HOST shows whether it answers.'),
    },
  )
}

/** The failure an answer tells of; undefined where its body is none of remora's. */
export function toldFailure(body: string): RemoraError | undefined {
  const answer = readJson(errorAnswer, body)
  if (answer === undefined) return undefined
  const { code, message, hint } = answer.error
  return new RemoraError(code, message.slice(0, 1_000), { hint: hint?.slice(0, 1_000) })
}

/**
 * Reads an answer.
 * @param otherwise what is told of a service that answers something else
 * @throws RemoraError PEER_FAILED
 */
export function parseAnswer<S extends GenericSchema>(
  service: RemoteService,
  schema: S,
  body: string,
  otherwise: string,
): InferOutput<S> {
  try {
    return parseJson(schema, body)
  } catch (error) {
    throw strangeAnswer(service, otherwise, error)
  }
}

/** The failure a close frame tells of: in remora's words, `CODE: message`, or those of another service. */
export function closedFailure(service: RemoteService, code: number, reason: string): RemoraError {
  const [, told = '', message = ''] = /^([A-Z_]+): ([\s\S]*)$/.exec(reason) ?? []
  if (isErrorCode(told)) return new RemoraError(told, message)
  return new RemoraError(
    'CAPTURE_FAILED',
    `${describeService(service)} ended the capture: ${reason || `code ${code}`}`,
    { hint: "The service's own log says more." },
  )
}

/** The failure of an answer that is none of a capture service's. */
export function strangeAnswer(service: RemoteService, what: string, cause?: unknown): RemoraError {
  return new RemoraError('PEER_FAILED', `${describeService(service)} ${what}`, {
    cause,
    hint: 'Is it a capture service (remora serve, Packetflix), and is the path right?',
  })
}

/** The failure of a handshake that was answered as a plain request: the header Upgrade is for one hop (RFC 9110 §7.8). */
export function lostUpgrade(service: RemoteService): RemoraError {
  return new RemoraError(
    'PEER_FAILED',
    `${describeService(service)} answered the WebSocket handshake as a plain request: a proxy in front of it does not pass Upgrade on`,
    {
      hint: 'Let the proxy pass WebSockets on; nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    },
  )
}

/** The failure of a service from which nothing comes any more, or nothing in time. */
export function silentService(service: RemoteService, what: string, cause?: unknown): RemoraError {
  return new RemoraError('PEER_FAILED', `${describeService(service)} ${what}`, {
    cause,
    hint: 'The network between may be broken, or the service stopped.',
  })
}

/** The failure of an answer with a status that was not hoped for. */
export function statusFailure(service: RemoteService, status: number, body: string): RemoraError {
  if (status === 401 && service.login !== undefined) {
    return new RemoraError('UNAUTHORIZED', `${describeService(service)} refuses the name and the password of its URL`, {
      hint: 'The token of a remora is the password, of any name; or give it with --token-file FILE.',
    })
  }
  const told = toldFailure(body)
  if (told !== undefined) return told
  const tokenHint = 'Give the token of the service: --token-file FILE, or REMORA_TOKEN in the environment.'
  if (status === 401) {
    return new RemoraError('UNAUTHORIZED', `${describeService(service)} asks for a token`, { hint: tokenHint })
  }
  if (status === 403) return new RemoraError('FORBIDDEN', `${describeService(service)} refuses`, { hint: tokenHint })
  return strangeAnswer(service, `answered with status ${status}`)
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorKinds, text)
}
