/**
 * The proxy between, where the environment names one: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case. It is
 * only asked to connect (CONNECT, RFC 9110 §9.3.6), never for a service on this machine itself; and what goes wrong there
 * is told as the proxy's, not as the service's.
 */

import type { Agent } from 'node:http'
import { RemoraError, reasonOf } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import { withoutSecrets } from '../base/redact.ts'
import { guarded } from '../base/timers.ts'
import { isExempt } from './no-proxy.ts'

/**
 * The agent that goes through the proxy for an address; undefined where there is none.
 * @throws RemoraError USAGE when the environment names something else as proxy
 */
export async function proxyAgent(base: string, env: NodeJS.ProcessEnv = process.env): Promise<Agent | undefined> {
  const text = proxyFor(new URL(base), env)
  if (text === '') return undefined
  // A proxy that was named without a scheme is spoken to without TLS, as curl does.
  const proxy = URL.parse(/^[a-z][\w+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (proxy === null || !/^https?:$/.test(proxy.protocol)) {
    throw new RemoraError('USAGE', `"${withoutSecrets(text)}" is no URL of an HTTP proxy`, {
      hint: 'HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name it: http://HOST:PORT.',
    })
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent')
  class TellingAgent extends HttpsProxyAgent<string> {
    override async connect(...[request, options]: Parameters<InstanceType<typeof HttpsProxyAgent>['connect']>) {
      let status = 200
      request.once(
        'proxyConnect',
        guarded(({ statusCode }) => {
          status = statusCode
        }),
      )
      const socket = await super.connect(request, options).catch(error => {
        throw proxyFailure(this.proxy, reasonOf(error), error)
      })
      if (status === 200) return socket
      socket.destroy()
      throw proxyFailure(this.proxy, status === 407 ? 'it asks for a name and a password' : `status ${status}`)
    }
  }
  return new TellingAgent(proxy.href)
}

/** What the environment names as proxy for a URL; empty for none. */
function proxyFor({ protocol, hostname, port }: URL, env: NodeJS.ProcessEnv): string {
  const variable = (name: string) => env[name] || env[name.toUpperCase()] || ''
  const number = Number(port) || (protocol === 'https:' ? 443 : 80)
  if (isLoopback(hostname) || isExempt(variable('no_proxy'), hostname, number)) return ''
  return variable(protocol === 'https:' ? 'https_proxy' : 'http_proxy') || variable('all_proxy')
}

function proxyFailure({ host }: URL, reason: string, cause?: unknown): RemoraError {
  return new RemoraError('PEER_FAILED', `the proxy ${host} does not connect: ${reason}`, {
    cause,
    hint: 'HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name the proxy, http://USER:PASSWORD@HOST:PORT; NO_PROXY who needs none.',
  })
}
