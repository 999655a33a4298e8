/** The SSH connection a program was started over: sshd(8) tells its session by SSH_CONNECTION, which sudo takes away. */
import { readEnvironment, readStat } from './proc.ts'

/** Both ends of the TCP connection of a session. */
export interface SshConnection {
  readonly addresses: readonly [client: string, server: string]
  readonly ports: readonly [client: number, server: number]
}

/** Processes that are looked at on the way to the session. */
const mostAncestors = 32

/** The connection of a process or of the nearest of its ancestors that has one; undefined without. */
export function readSshConnection(pid = process.pid, proc = '/proc'): SshConnection | undefined {
  for (let ancestor = pid, steps = 0; ancestor > 1 && steps < mostAncestors; steps++) {
    const found = parseSshConnection(readEnvironment(ancestor, proc).SSH_CONNECTION)
    if (found !== undefined) return found
    ancestor = readStat(ancestor, proc)?.parent ?? 0
  }
  return undefined
}

/** `client-address client-port server-address server-port` (ssh(1)). */
function parseSshConnection(text: string | undefined): SshConnection | undefined {
  const [, client, clientPort, server, serverPort] =
    /^([0-9a-f.:]+)(?:%\w+)? (\d{1,5}) ([0-9a-f.:]+)(?:%\w+)? (\d{1,5})$/i.exec(text ?? '') ?? []
  if (client === undefined || server === undefined) return undefined
  return { addresses: [client, server], ports: [Number(clientPort), Number(serverPort)] }
}
