/** What it means when an engine does not answer. */
import { RemoraError, systemCode } from '../base/errors.ts'

/**
 * The failure of an engine that gave no answer.
 * @param told what is known of the failure, where the error itself does not say it: code of the system call, and in words
 * @returns FORBIDDEN when the socket may not be used, else PEER_FAILED
 */
export function unreachable(
  socketPath: string,
  cause: Error,
  told: { readonly code?: string | undefined; readonly reason?: string | undefined } = {},
): RemoraError {
  const { code = systemCode(cause), reason = cause.message } = told
  if (code === 'EACCES') {
    return new RemoraError('FORBIDDEN', `this user may not use ${socketPath}`, {
      cause,
      hint: 'Run as root, with sudo; or add this user to the group that owns the socket, and log in again.',
    })
  }
  const why = code === 'ECONNREFUSED' ? 'nothing listens there' : reason
  return new RemoraError('PEER_FAILED', `no usable answer from ${socketPath}: ${why}`, {
    cause,
    hint: 'Start the engine, or remove the stale socket.',
  })
}
