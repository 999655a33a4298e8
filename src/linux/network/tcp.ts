/** TCP connections of this process, as ss(8) tells of them. */
import { run } from '../programs/run.ts'
import { lookUpTool } from '../programs/tools.ts'

/** Milliseconds since the last acknowledgement above which a peer counts as gone; with its window closed it is asked seldom. */
const longest = { sending: 30_000, persisting: 150_000 }

/**
 * Whether the other machine still acknowledges what it is sent. That tells a reader that is slow, or has stopped reading for
 * a while, from one that is gone.
 * @returns undefined when it cannot be found out
 */
export async function doesAcknowledge(localPort: number, remotePort: number): Promise<boolean | undefined> {
  const ss = lookUpTool('ss')
  if (ss === undefined) return undefined
  const { stdout } = await run([ss, '-tinoH', `sport = :${localPort} and dport = :${remotePort}`])
  const [, age] = /\blastack:(\d+)/.exec(stdout) ?? []
  if (age === undefined) return undefined
  return Number(age) < (stdout.includes('timer:(persist') ? longest.persisting : longest.sending)
}
