/**
 * `--extcap-interfaces`: the newest running containers and pods, then the interfaces that are always there. Never fails, never waits
 * long.
 */
import { readConfig } from '../src/base/config.ts'
import { version } from '../src/base/version.ts'
import { containerInterface, preferenceKey, stableInterfaces } from './interfaces.ts'
import { sentence } from './sentence.ts'
import { listTimeout, type StepContext } from './step.ts'

/** Prints a sentence for each interface; what cannot be listed in time is left out. */
export async function printInterfaces({ log, write }: StepContext): Promise<void> {
  const { list } = readConfig()
  const containers =
    list === 0
      ? []
      : await listedContainers(list).catch(error => {
          log.warning(`no containers are listed: ${error}`)
          return []
        })
  write(
    [
      sentence('extcap', { version, display: 'remora' }),
      ...containers.map(({ value, display }) => sentence('interface', { value, display })),
      ...Object.entries(stableInterfaces).map(([value, { display }]) => sentence('interface', { value, display })),
    ].join(''),
  )
}

async function listedContainers(limit: number): Promise<{ value: string; display: string }[]> {
  const { usualHost } = await import('../src/host/choose.ts')
  const containers = await (await usualHost()).running(listTimeout, new AbortController().signal)
  return uniqueInterfaces(containers)
    .slice(0, limit)
    .map(({ value, container: { name, type } }) => ({
      value,
      display: `${name} (${type === 'pod' ? type : `${type} container`})`,
    }))
}

/** Containers by the interface that stands for them; of several whose names look alike to Wireshark the newest counts. */
export function uniqueInterfaces<C extends { readonly name: string }>(
  containers: readonly C[],
): { value: string; container: C }[] {
  const keys = new Set<string>()
  return containers
    .map(container => ({ value: containerInterface(container.name), container }))
    .filter(({ value }) => !keys.has(preferenceKey(value)) && keys.add(preferenceKey(value)))
}
