/**
 * A name that may lead to a TLS key log, now or later: what processes were told to write to, or a file that the user
 * named. What a name of a process leads to is not to be trusted; a file of the user is his own affair, links and all.
 */
import { accessSync, constants, openSync, statfsSync, statSync } from 'node:fs'
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'
import type { Place } from '../namespace/file-in-root.ts'
import { isCurrent, type KeylogPlace, lookAtKeylog } from './place.ts'

/** A name, and who vouches for it. */
export interface KeylogSource {
  readonly id: string
  /** Network namespace it counts for; undefined for a file named by the user. */
  readonly netns: number | undefined
  readonly found: FoundKeylog
  /** Looks where it leads; false when nowhere. */
  look(use: (file: Place) => boolean): boolean
  isAlive(): boolean
  /** One more process that means the same file. */
  add(place: KeylogPlace): void
}

/** A key log that is read, as it may be told to the user. */
export interface FoundKeylog {
  /** Path as the process sees it. */
  readonly path: string
  /** Process it was found through; absent for a file named by the user. */
  readonly pid?: number
}

const maximumOwners = 16

/**
 * The file that processes write their keys to; alive as long as one of them is.
 * @param isWanted whether a network namespace is looked at
 */
export function processSource(first: KeylogPlace, isWanted: (netns: number) => boolean, proc = '/proc'): KeylogSource {
  const owners = [first]
  return {
    id: first.id,
    netns: first.netns,
    found: { path: first.path, pid: first.process.pid },
    look(use) {
      while (owners[0] !== undefined && !(isWanted(owners[0].netns) && isCurrent(owners[0], proc))) owners.shift()
      return owners[0] !== undefined && lookAtKeylog(owners[0], use, proc) === true
    },
    isAlive: () => owners.length > 0,
    add(place) {
      const isKnown = owners.some(({ process }) => process.pid === place.process.pid)
      if (!isKnown && owners.length < maximumOwners) owners.push(place)
    },
  }
}

/**
 * A file that the user named; it may come later.
 * @throws RemoraError USAGE when it is there and no regular file, FORBIDDEN when it may not be read
 */
export function fileSource(path: string): KeylogSource {
  checkFile(path)
  return {
    id: path,
    netns: undefined,
    found: { path },
    look(use) {
      try {
        const stats = statSync(path)
        return stats.isFile() && use({ stats, fileSystem: () => statfsSync(path).type, open: () => openKeylog(path) })
      } catch {
        return false
      }
    },
    isAlive: () => true,
    add: () => {},
  }
}

function openKeylog(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
}

const regularFile = 'Name the file that SSLKEYLOGFILE tells the program to write; it need not be there yet.'

function checkFile(path: string): void {
  try {
    if (!statSync(path).isFile())
      throw new RemoraError('USAGE', `${path} is no regular file: no keys are read from it`, { hint: regularFile })
    accessSync(path, constants.R_OK)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT') return
    if (code !== 'EACCES' && code !== 'EPERM') throw usage(path, error)
    throw new RemoraError('FORBIDDEN', `may not read ${path}`, {
      cause: error,
      hint: 'Name a file that this user may read, or run the same command as root, with sudo.',
    })
  }
}

function usage(path: string, error: unknown): RemoraError {
  if (error instanceof RemoraError) return error
  return new RemoraError('USAGE', `cannot read keys from ${path}: ${reasonOf(error)}`, {
    cause: error,
    hint: regularFile,
  })
}
