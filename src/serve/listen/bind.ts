/** From an address to a socket that listens there: TCP, or a unix socket with the permissions it is to have. */
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'
import { type ListenAddress, nameOf } from './address.ts'

/** The address a server listens at, its port filled in. */
export function bound(server: Server, address: ListenAddress): ListenAddress {
  const actual = server.address()
  return address.kind === 'tcp' && typeof actual === 'object' && actual !== null
    ? { ...address, port: actual.port }
    : address
}

/**
 * Lets a server listen.
 * @param group that may use a unix socket, by number
 * @returns false where an optional address is not to be had
 * @throws RemoraError USAGE
 */
export async function listenOn(server: Server, address: ListenAddress, group?: number): Promise<boolean> {
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
