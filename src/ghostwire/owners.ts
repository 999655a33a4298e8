/** Which tenant a process belongs to: itself, its container, or the process that speaks for its namespace. */
import type { HostSnapshot } from '../model/host.ts'
import type { Tenant } from './tenants.ts'

/** Id of the tenant a process belongs to; undefined for one that belongs to none. */
export type OwnerLookup = (pid: number) => string | undefined

/** Ids of tenants by process. */
export function ownerLookup(
  { processes }: Pick<HostSnapshot, 'processes'>,
  tenants: ReadonlyMap<number, readonly Tenant[]>,
): OwnerLookup {
  const all = [...tenants.values()].flat()
  const byPid = new Map(all.filter(({ pid }) => pid > 0).map(({ pid, id }) => [pid, id]))
  const byContainer = new Map(all.flatMap(({ container, id }) => (container === undefined ? [] : [[container.id, id]])))
  const leaders = [...tenants].map(
    ([netns, there]) => [netns, there.find(({ container }) => container === undefined)?.id] as const,
  )
  const byNetns = new Map(leaders)
  return pid => {
    const facts = processes.get(pid)
    return byPid.get(pid) ?? (facts && (byContainer.get(facts.container) ?? byNetns.get(facts.netns)))
  }
}
