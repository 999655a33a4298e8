/**
 * Namespaces at the moment they are mounted: inotify(7) tells of the file an engine makes for the mount, which becomes a
 * namespace an instant later, without another event.
 */
import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoraError } from '../../base/errors.ts'
import { guarded } from '../../base/timers.ts'
import { scanProcesses } from '../process/table.ts'
import { atPlace } from './file-in-root.ts'
import { listForeignMounts } from './mountinfo.ts'
import { type NetworkNamespace, openNamespaceFile } from './netns.ts'

/** A watch over folders, until it is closed. */
export interface FolderWatch {
  /** Watches these folders, and no others; one that does not exist yet as soon as it does. */
  follow(folders: readonly string[]): void
  close(): void
}

/**
 * Watches folders for files that come and go.
 * @param onChange called with the path, also for one that has gone
 */
export function watchFolders(onChange: (path: string) => void): FolderWatch {
  const watchers = new Map<string, FSWatcher>()
  let wanted: readonly string[] = []
  const unwatch = (folder: string) => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  const watchFolder = (folder: string, onName: (name: string) => void): boolean => {
    if (watchers.has(folder)) return true
    try {
      const watcher = atPlace(folder, place =>
        watch(
          place,
          guarded((_: string, name: string | null) => name !== null && onName(name)),
        ),
      )
      if (watcher === undefined) return false
      watcher.on('error', () => unwatch(folder))
      watchers.set(folder, watcher)
      return true
    } catch {
      return false
    }
  }
  const follow = (folder: string, isNew: boolean) => {
    if (!watchFolder(folder, name => onChange(join(folder, name)))) {
      // The folder that will hold it, so that its first namespace is not missed.
      watchFolder(dirname(folder), name => {
        if (wanted.some(other => dirname(other) === dirname(folder) && basename(other) === name)) {
          unwatch(join(dirname(folder), name))
          follow(join(dirname(folder), name), true)
        }
      })
    } else if (isNew) for (const name of namesIn(folder)) onChange(join(folder, name))
  }
  return {
    follow(folders) {
      wanted = folders
      const needed = new Set([...folders, ...folders.map(dirname)])
      for (const folder of watchers.keys()) if (!needed.has(folder)) unwatch(folder)
      for (const folder of folders) if (!watchers.has(folder)) follow(folder, false)
    },
    close() {
      for (const folder of [...watchers.keys()]) unwatch(folder)
    },
  }
}

function namesIn(folder: string): string[] {
  try {
    return atPlace(folder, place => readdirSync(place)) ?? []
  } catch {
    return []
  }
}

/** Milliseconds between tries, until a file that has just been made is a namespace: 0.7 s in all. */
const delays = [0, 1, 2, 3, 5, 10, 20, 40, 80, 160, 320]
/** The try at which other mount namespaces are looked through: a rootless engine mounts where only it sees it. */
const foreignTry = 6

/**
 * Opens a namespace that is just being mounted, waiting for up to 0.7 s until it is one.
 * @returns undefined when none comes of it, or the signal aborts
 */
export async function openArriving(path: string, signal: AbortSignal): Promise<NetworkNamespace | undefined> {
  for (const [attempt, delay] of delays.entries()) {
    await sleep(delay)
    if (signal.aborted) return undefined
    const namespace = openArrived(path) ?? (attempt === foreignTry ? await openForeign(path, signal) : undefined)
    if (namespace !== undefined) return namespace
  }
  return undefined
}

async function openForeign(path: string, signal: AbortSignal): Promise<NetworkNamespace | undefined> {
  const mounts = await listForeignMounts(await scanProcesses())
  const mount = signal.aborted ? undefined : mounts.find(({ inside }) => inside === path)
  return mount === undefined ? undefined : openArrived(mount.path)
}

/** Opens a namespace that may be mounted by now. */
export function openArrived(path: string): NetworkNamespace | undefined {
  try {
    return openNamespaceFile(path)
  } catch (error) {
    if (error instanceof RemoraError) return undefined
    throw error
  }
}
