/** `systemd:nginx`: the network namespace of the main process of a unit. */
import { geteuid } from 'node:process'
import { RemoraError } from '../../../base/errors.ts'
import { didYouMean, nearestNames } from '../../../base/nearest.ts'
import type { ProcessEntry } from '../../../linux/process/table.ts'
import { listUnits, mainProcess, type RunningUnit } from '../../../linux/process/units.ts'
import { formatReference } from '../../../reference/reference.ts'
import type { SystemdReference } from '../../../reference/schemes/systemd.ts'
import { isAtHome, listTenants } from '../../host/processes.ts'
import { ambiguous } from './found.ts'
import { type Opener, openProcesses } from './opener.ts'

/**
 * Opens the namespace of the main process; where all are wanted, those of the other processes of the unit come behind it. Units
 * of several users are several matches.
 */
export const openUnit: Opener<SystemdReference> = async (reference, { match, signal }) => {
  const units = await listUnits(signal)
  const meant = foremostOf(units.filter(({ name }) => name === reference.unit))
  if (meant.length === 0) throw notFound(reference, units)
  const mains = meant.map(mainProcess).toSorted((a, b) => b.startTime - a.startTime)
  if (match === 'error' && mains.length > 1) {
    throw ambiguous(
      formatReference(reference),
      mains.map(({ pid, startTime }) => formatReference({ scheme: 'pid', pid, startTime })),
    )
  }
  if (match === 'all') return openProcesses(meant.flatMap(namespacesOf))
  const opened = openProcesses(mains.slice(0, 1))
  return meant.length > 1
    ? opened
    : opened.map(target => ({ ...target, reference: formatReference(reference), name: reference.unit }))
}

/**
 * Returns the unit of the system, else that of the caller, else those of other users: nobody makes the name of another one's unit
 * ambiguous.
 */
function foremostOf(units: readonly RunningUnit[]): readonly RunningUnit[] {
  const owners = [undefined, geteuid?.()]
  const owned = owners.map(owner => units.filter(({ user }) => user === owner))
  return owned.find(({ length }) => length > 0) ?? units
}

/** Returns one process for each namespace of a unit, the main process first. */
function namespacesOf(unit: RunningUnit): ProcessEntry[] {
  const main = mainProcess(unit)
  const others = listTenants(unit.processes.filter(process => process.netns !== main.netns && isAtHome(process)))
  return [main, ...others]
}

function notFound(reference: SystemdReference, units: readonly RunningUnit[]): RemoraError {
  const names = units.map(({ name }) => name)
  return new RemoraError('TARGET_NOT_FOUND', `no process runs in the unit ${reference.unit}`, {
    hint: didYouMean(nearestNames(reference.unit, names), `systemctl status ${reference.unit} shows whether it runs.`),
  })
}
