/**
 * The service itself: it listens, hands each connection to what answers it, and ends without leaving anything behind.
 * Every connection has a deadline until it has said what it wants.
 */
import { rmSync } from 'node:fs'
import { createServer, type Server, type ServerOptions } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { RemoraError } from '../base/errors.ts'
import { startSuspendProofTimer } from '../base/suspend-proof-timer.ts'
import { guarded, setTimeout } from '../base/timers.ts'
import { makeApp } from './app.ts'
import type { AccessRules } from './auth/access.ts'
import { forgetFiles, type TlsFiles, tlsServer } from './auth/tls-server.ts'
import { listenForReaders, type ReaderAddress, type Readers } from './captures/pcap-over-ip.ts'
import { makeContext } from './captures/service-state.ts'
import type { Limits } from './captures/sessions.ts'
import { upgradeHandler } from './captures/upgrade.ts'
import { isLocal, type ListenAddress } from './listen/address.ts'
import { bound, listenOn } from './listen/bind.ts'

/** Where and for whom the service runs. */
export interface ServiceOptions {
  readonly listen: readonly ListenAddress[]
  /** Where captures are sent to whoever connects (PCAP-over-IP). */
  readonly pcapOverIp?: readonly ReaderAddress[]
  /** Group that may use the unix sockets, by number. */
  readonly socketGroup?: number | undefined
  readonly rules: AccessRules
  readonly tls?: TlsFiles | undefined
  readonly limits: Limits
  readonly log: Logger
}

/** A service that listens. */
export interface Service {
  /** Where it listens, ports filled in. */
  readonly addresses: readonly ListenAddress[]
  /** The same for PCAP-over-IP. */
  readonly readers: readonly ReaderAddress[]
  /** Ends every capture, and then the service; at once when the signal aborts. */
  close(hurry?: AbortSignal): Promise<void>
}

/** Deadlines in milliseconds, and sizes: whoever says nothing, or too much, is cut off. */
const httpLimits: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  // A machine that has vanished is noticed while nothing is sent to it, too (tcp(7)).
  keepAlive: true,
  keepAliveInitialDelay: 20_000,
  maxHeaderSize: 64 * 1024,
  // Programs also offer to go on in HTTP/2 (Upgrade: h2c); an offer of no use is passed over (RFC 9110 §7.8).
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
}

/**
 * Starts the service.
 * @throws RemoraError USAGE when it must not listen there, or cannot
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { listen, rules, tls, limits, log } = options
  for (const address of listen) {
    if (isLocal(address) || rules.token() !== undefined || rules.certificates) continue
    throw new RemoraError('USAGE', 'whoever reaches this address could capture everything on this host', {
      hint: 'Add --token-file FILE (made when it is not there) or --tls-client-ca FILE; or listen on 127.0.0.1 or unix:PATH.',
    })
  }
  const context = makeContext(rules, limits, log)
  const app = makeApp()
  const servers: { server: Server | TlsServer; address: ListenAddress }[] = []
  const readers: Readers[] = []
  const close = async (hurry?: AbortSignal) => {
    if (tls !== undefined) forgetFiles(tls)
    for (const { refuse } of readers) refuse()
    await Promise.all(servers.map(({ server, address }) => closeServer(server, address, context, hurry)))
    await Promise.all(readers.map(reader => reader.close()))
    context.kept.close()
  }
  try {
    for (const address of listen) {
      const answer = getRequestListener(
        (request, env) => app.fetch(request, { ...env, service: context, address } as never),
        { overrideGlobalObjects: false },
      )
      const server = address.kind === 'tcp' && tls ? tlsServer(tls, httpLimits, rules, log) : createServer(httpLimits)
      server.on('request', guarded(answer))
      context.connections.watch(server)
      server.on('upgrade', guarded(upgradeHandler(address, context)))
      if (await listenOn(server, address, options.socketGroup))
        servers.push({ server, address: bound(server, address) })
    }
    for (const address of options.pcapOverIp ?? []) readers.push(await listenForReaders(address, context))
    return { addresses: servers.map(({ address }) => address), readers: readers.map(({ address }) => address), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Milliseconds captures have to end by themselves. */
const patience = 4_000

async function closeServer(
  server: Server | TlsServer,
  address: ListenAddress,
  { sessions }: ReturnType<typeof makeContext>,
  hurry?: AbortSignal,
): Promise<void> {
  const closed = new Promise(resolve => server.close(resolve))
  for (const session of sessions.list()) session.stop('the service ends')
  server.closeIdleConnections()
  let isLate = false
  const cancel = startSuspendProofTimer(patience, () => {
    isLate = true
  })
  while (sessions.list().length > 0 && !isLate && !hurry?.aborted)
    await new Promise<void>(resolve => setTimeout(() => resolve(), 20))
  cancel()
  for (const session of sessions.list()) session.kill()
  server.closeAllConnections()
  await closed
  if (address.kind === 'unix') rmSync(address.path, { force: true })
}
