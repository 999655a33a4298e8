/**
 * What containerd runs, by the folders of its state: one for each containerd namespace, one in it for each task
 * (`io.containerd.runtime.v2.task`, containerd 1.4 to 2). They stand beside the socket unless somebody configured it
 * otherwise. A look at them is free, where loading gRPC takes longer than asking Docker.
 */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Whether containerd may run something in a namespace of its own that matters.
 * @returns true also where the folders cannot be read
 */
export function mayHaveTasks(socket: string, matters: (namespace: string) => boolean): boolean {
  const state = join(dirname(socket), 'io.containerd.runtime.v2.task')
  try {
    return readdirSync(state).some(namespace => matters(namespace) && readdirSync(join(state, namespace)).length > 0)
  } catch {
    return true
  }
}
