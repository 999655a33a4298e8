/** Targets as a table, one group a network stack: who owns it first, whoever shares it below. */

import type { Target } from '../../model/target.ts'
import { qualifiedName } from '../../reference/grammar/containers.ts'
import { renderTable } from './table.ts'

const shortHeading = ['NAME', 'TYPE', 'STATE', 'INTERFACES', 'ADDRESSES', 'IMAGE']
const wideHeading = [...shortHeading, 'PID', 'NETNS', 'REFERENCE']

/** Renders targets; `wide` adds process, network namespace and reference. */
export function targetTable(targets: readonly Target[], wide: boolean): string {
  const rows = stacks(targets).flatMap(([owner, ...guests]) => [
    ...(owner === undefined ? [] : targetRows(owner, '')),
    ...guests.flatMap(guest => targetRows(guest, '└ ')),
  ])
  const heading = wide ? wideHeading : shortHeading
  return renderTable(
    heading,
    rows.map(row => row.slice(0, heading.length)),
  )
}

/** Targets by network namespace, in the order of the first of each; the eldest owns it, since it was there first. */
function stacks(targets: readonly Target[]): Target[][] {
  const byNamespace = Map.groupBy(targets, target => (target.netns === 0 ? target.reference : target.netns))
  return [...byNamespace.values()].map(group => group.sort(byAge))
}

function byAge(a: Target, b: Target): number {
  return Number(b.type === 'host') - Number(a.type === 'host') || a.startTime - b.startTime
}

function targetRows(target: Target, mark: string): string[][] {
  const { type, container, members = [], pid, netns, reference } = target
  const number = (value: number) => (value > 0 ? String(value) : '')
  // What is shared is said once, at the owner.
  const network = mark === '' ? [target.interfaces.join(' '), target.addresses.join(' ')] : ['', '']
  return [
    [
      mark + qualifiedName(target),
      type,
      container?.state ?? '',
      ...network,
      container?.image ?? '',
      number(pid),
      number(netns),
      reference,
    ],
    ...members
      .filter(({ sandbox }) => !sandbox)
      .map(member => [
        `${mark}└ ${member.name}`,
        member.engine,
        member.state,
        '',
        '',
        member.image,
        number(member.pid),
        number(netns),
        member.reference,
      ]),
  ]
}
