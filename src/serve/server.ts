/**
 * The service itself: it listens, hands each connection to what answers it, and ends without leaving anything behind.
 * Every connection has a deadline until it has said what it wants.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerOptions } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { RemoraError, reasonOf, systemCode } from '../base/errors.ts'
import { afterOwnTime } from '../base/own-time.ts'
import { setTimeout } from '../base/timers.ts'
import type { AccessRules } from './access.ts'
import { makeApp } from './app.ts'
import { makeContext } from './context.ts'
import { isLocal, type ListenAddress, nameOf } from './listen.ts'
import type { Limits } from './sessions.ts'
import { forgetFiles, type TlsFiles, tlsServer } from './tls-server.ts'
import { upgradeHandler } from './upgrade.ts'

/** Where and for whom the service runs. */
export interface ServiceOptions {
  readonly listen: readonly ListenAddress[]
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
  const close = async (hurry?: AbortSignal) => {
    if (tls !== undefined) forgetFiles(tls)
    await Promise.all(servers.map(({ server, address }) => closeServer(server, address, context, hurry)))
    context.kept.close()
  }
  try {
    for (const address of listen) {
      const answer = getRequestListener(
        (request, env) => app.fetch(request, { ...env, service: context, address } as never),
        { overrideGlobalObjects: false },
      )
      const server = address.kind === 'tcp' && tls ? tlsServer(tls, httpLimits, rules, log) : createServer(httpLimits)
      server.on('request', answer)
      context.connections.watch(server)
      server.on('upgrade', upgradeHandler(address, context))
      if (await listenOn(server, address, options.socketGroup))
        servers.push({ server, address: bound(server, address) })
    }
    return { addresses: servers.map(({ address }) => address), close }
  } catch (error) {
    await close()
    throw error
  }
}

function bound(server: Server | TlsServer, address: ListenAddress): ListenAddress {
  const actual = server.address()
  return address.kind === 'tcp' && typeof actual === 'object' && actual !== null
    ? { ...address, port: actual.port }
    : address
}

/** @returns false where an optional address is not to be had */
async function listenOn(server: Server, address: ListenAddress, group: number | undefined): Promise<boolean> {
  if (address.kind === 'unix') await makeRoom(address.path)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  if (address.kind === 'unix') {
    const before = process.umask(0o177)
    server.listen(address.path, resolve)
    process.umask(before)
  } else server.listen(address.port, address.host, resolve)
  try {
    await promise
  } catch (error) {
    if (address.kind === 'tcp' && address.optional && systemCode(error) !== 'EADDRINUSE') return false
    throw new RemoraError('USAGE', `cannot listen on ${nameOf(address)}: ${reasonOf(error)}`, {
      cause: error,
      hint:
        systemCode(error) === 'EADDRINUSE'
          ? 'Another service listens there; choose another address with --listen.'
          : undefined,
    })
  }
  server.off('error', reject)
  server.on('error', () => {})
  if (address.kind === 'unix' && group !== undefined) {
    chownSync(address.path, -1, group)
    chmodSync(address.path, 0o660)
  }
  return true
}

/**
 * A socket that nobody listens on any more is in the way; one that somebody does is not ours to take, nor is any other file,
 * which refuses a connection just the same (unix(7)).
 */
async function makeRoom(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there === undefined) return
  if (!there.isSocket())
    throw new RemoraError('USAGE', `cannot listen on unix:${path}: it is there and no socket`, {
      hint: 'Name another path with --listen, or remove what is there.',
    })
  const probe = connect(path)
  const inUse = await new Promise<boolean>(resolve => {
    probe.once('connect', () => resolve(true))
    probe.once('error', error => resolve(systemCode(error) !== 'ECONNREFUSED'))
  })
  probe.destroy()
  if (!inUse) rmSync(path)
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
  const cancel = afterOwnTime(patience, () => {
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
