/** Whether the service of this machine captures for this user. */
import { abortAfter } from '../../base/abort.ts'
import { reasonOf } from '../../base/errors.ts'
import { ask } from '../../remote/http.ts'
import type { RemoteService } from '../../remote/service.ts'
import { bad, type Check, good } from '../../setup/doctor.ts'
import { usableSocket } from './find.ts'

const fix = 'sudo systemctl restart remora'

/** Checks whether it answers. Where it captures for this user, he needs neither tools nor rights of his own. */
export async function checkService(service: RemoteService): Promise<Check[]> {
  try {
    const { status } = await ask(service, 'GET', '/healthz', { signal: abortAfter(2_000) })
    if (status === 200) return [good('service', `${service.base}: captures for this user`)]
    return [bad('service', `${service.base} answers with status ${status}`, 'PEER_FAILED', fix)]
  } catch (error) {
    return [bad('service', reasonOf(error), 'PEER_FAILED', fix)]
  }
}

/** Tells of a socket that a dead service has left, where no service is found. */
export function checkSocket(env: NodeJS.ProcessEnv): Check[] {
  const socket = usableSocket(env)
  return socket === undefined ? [] : [bad('service', `nobody listens on ${socket} any more`, 'PEER_FAILED', fix)]
}
