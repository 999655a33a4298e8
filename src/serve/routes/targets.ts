/** `/v1/targets`: what can be captured, now and as it changes (server-sent events, WHATWG HTML §9.2). */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { RemoraError } from '../../base/errors.ts'
import { guarded, setInterval } from '../../base/timers.ts'
import { targetKey } from '../../model/key.ts'
import type { Target } from '../../model/target.ts'
import type { TargetEventJson, WarningEventJson } from '../../protocol/v1/events.ts'
import type { TargetJson, TargetListJson } from '../../protocol/v1/target.ts'
import { targetJson } from '../../protocol/v1/target-json.ts'
import { peerGroup } from '../auth/client.ts'
import type { RouteContext } from '../captures/service-state.ts'

/** Answers with everything that can be captured. */
export async function listTargets(c: RouteContext): Promise<Response> {
  const { targets, warnings } = await c.env.service.discovery.targets()
  const answer: TargetListJson = { targets: targets.map(keyed), warnings }
  return c.json(answer)
}

function keyed(target: Target): TargetJson {
  return { ...targetJson(target), key: targetKey(target) }
}

/** Bytes a watcher may be behind; whoever is slower is let go, and sees everything when it comes back. */
const mostBehind = 8 * 1024 * 1024
const mostWatchers = 64
const mostWatchersPerPeer = 32
/** Milliseconds between signs of life. */
const heartbeat = 15_000
/** The client of each, as limits count it. */
const watching: string[] = []

/**
 * Tells of the targets until the client has gone.
 * @throws RemoraError LIMIT
 */
export function watchTargets(c: RouteContext): Response {
  const { incoming, outgoing, service } = c.env
  const peer = peerGroup(incoming)
  const ofPeer = watching.filter(one => one === peer).length
  if (watching.length >= mostWatchers || ofPeer >= mostWatchersPerPeer)
    throw new RemoraError('LIMIT', `${watching.length} watch already, ${ofPeer} of them from here`, {
      hint: 'Close a page or a list --watch that is open, or ask for the list again and again.',
    })
  watching.push(peer)
  outgoing.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  outgoing.on('error', () => {})
  const write = (text: string) => {
    if (outgoing.writableLength > mostBehind) outgoing.destroy()
    else outgoing.write(text)
  }
  let sequence = 0
  const leave = service.discovery.watch({
    onEvent({ event, target }) {
      const time = new Date().toISOString()
      const data: TargetEventJson = { seq: ++sequence, time, event, target: keyed(target) }
      write(`event: ${event}\nid: ${sequence}\ndata: ${JSON.stringify(data)}\n\n`)
    },
    onWarning(warning) {
      const data: WarningEventJson = { warning }
      write(`event: warning\ndata: ${JSON.stringify(data)}\n\n`)
    },
    onReady: () => write('event: ready\ndata: {}\n\n'),
  })
  const timer = setInterval(() => write(':\n\n'), heartbeat)
  outgoing.once(
    'close',
    guarded(() => {
      watching.splice(watching.indexOf(peer), 1)
      clearInterval(timer)
      leave()
    }),
  )
  return RESPONSE_ALREADY_SENT
}
