/**
 * The visible list of engines, and the one way to ask them all: in parallel, each with the same deadline, so that a dead
 * one neither delays nor hides the others.
 */
import { RemoraError } from '../base/errors.ts'
import { findDocker } from './docker.ts'
import type { Engine, EngineAnswer } from './engine.ts'
import { findPodman } from './podman.ts'

/** Each finds the engines of its kind that this host may have, without asking them anything. */
const finders: readonly ((env: NodeJS.ProcessEnv) => Engine[])[] = [findDocker, findPodman]

/** Engines whose sockets exist. */
export function findEngines(env: NodeJS.ProcessEnv = process.env): Engine[] {
  return finders.flatMap(find => find(env))
}

/**
 * Asks every engine for its containers.
 * @param timeout milliseconds each engine has
 */
export function askEngines(engines: readonly Engine[], timeout: number, signal?: AbortSignal): Promise<EngineAnswer[]> {
  const deadline = AbortSignal.timeout(timeout)
  const limit = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
  return Promise.all(
    engines.map(async engine => {
      try {
        return { engine, containers: await engine.containers(limit) }
      } catch (error) {
        signal?.throwIfAborted()
        const failure = deadline.aborted
          ? new RemoraError('PEER_FAILED', `${engine.name} at ${engine.address} did not answer within ${timeout} ms`)
          : (error as Error)
        return { engine, containers: [], failure }
      }
    }),
  )
}
