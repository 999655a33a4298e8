/**
 * What containerd runs, by the folders of its state: one for each containerd namespace, one in it for each task
 * (`io.containerd.runtime.v2.task`, containerd 1.4 to 2). They stand beside the socket unless somebody configured it
 * otherwise. A look at them is free, where loading gRPC takes longer than asking Docker.
 */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { atPlace } from '../linux/namespace/file-in-root.ts'

/** Beside the socket, and where Docker has it for a containerd that it starts itself. */
const places = ['.', 'daemon'].map(folder => join(folder, 'io.containerd.runtime.v2.task'))

/**
 * Whether containerd may run something in a namespace of its own that matters.
 * @returns true also where the folders cannot be read
 */
export function mayHaveTasks(socket: string, matters: (namespace: string) => boolean): boolean {
  const found = places.flatMap(place => {
    const state = join(dirname(socket), place)
    const namespaces = entriesOf(state)
    return namespaces === undefined ? [] : [{ state, namespaces }]
  })
  const hasTasks = (state: string, namespace: string) => entriesOf(join(state, namespace))?.length !== 0
  return (
    found.length === 0 ||
    found.some(({ state, namespaces }) =>
      namespaces.some(namespace => matters(namespace) && hasTasks(state, namespace)),
    )
  )
}

function entriesOf(folder: string): string[] | undefined {
  try {
    return atPlace(folder, place => readdirSync(place))
  } catch {
    return undefined
  }
}
