/**
 * What containerd runs, by the folders of its state: one for each containerd namespace, one in it for each task
 * (`io.containerd.runtime.v2.task`, containerd 1.4 to 2). They stand beside the socket unless somebody configured it
 * otherwise. A look at them is free, where loading gRPC takes longer than asking Docker.
 */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Beside the socket, and where Docker has it for a containerd that it starts itself. */
const places = ['.', 'daemon'].map(folder => join(folder, 'io.containerd.runtime.v2.task'))

/**
 * Whether containerd may run something in a namespace of its own that matters.
 * @returns true also where the folders cannot be read
 */
export function mayHaveTasks(socket: string, matters: (namespace: string) => boolean): boolean {
  const states = places.map(place => join(dirname(socket), place)).filter(state => existsSync(state))
  if (states.length === 0) return true
  return states.some(state => {
    try {
      return readdirSync(state).some(namespace => matters(namespace) && readdirSync(join(state, namespace)).length > 0)
    } catch {
      return true
    }
  })
}
