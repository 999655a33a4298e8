/** The unit of the capture service, and the plan that installs it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { endsService, planService, planServiceRemoval, tellManager } from '../../../src/setup/service.ts'
import { serviceCapabilities, serviceUnit } from '../../../src/setup/service-unit.ts'
import { composeService } from '../../helpers/manifests.ts'
import { scratch } from '../../helpers/scratch.ts'

const program = '/usr/local/lib/remora/remora'

/** Values of a directive, in order; an absent one has none. */
function values(unit: string, directive: string): string[] {
  return unit.split('\n').flatMap(line => (line.startsWith(`${directive}=`) ? [line.slice(directive.length + 1)] : []))
}

describe('the unit', () => {
  const unit = serviceUnit({ program, group: 'wireshark' })

  test('is the one in deploy/', () => {
    expect(readFileSync('deploy/remora.service', 'utf8')).toBe(unit)
  })

  test('listens on this machine only', () => {
    expect(values(unit, 'ExecStart')).toEqual([
      `${program} serve --listen 127.0.0.1:5001 --listen unix:/run/remora/remora.sock --token-file /var/lib/remora/token`,
    ])
    expect(values(unit, 'IPAddressDeny')).toEqual(['any'])
  })

  test('has no other right than the capabilities of the table', () => {
    expect(values(unit, 'User')).toEqual(['remora'])
    expect(values(unit, 'AmbientCapabilities')).toEqual([serviceCapabilities.join(' ')])
    expect(values(unit, 'CapabilityBoundingSet')).toEqual(values(unit, 'AmbientCapabilities'))
    expect(values(unit, 'NoNewPrivileges')).toEqual(['yes'])
  })

  test('may have as many descriptors as the compose file allows, since each connection takes one', () => {
    expect(values(unit, 'LimitNOFILE')).toEqual(['65536'])
    expect(composeService().ulimits).toEqual({ nofile: 65_536 })
  })

  test('names a group only where there is one: systemd starts nothing as a group it does not know', () => {
    expect(values(unit, 'Group')).toEqual(['wireshark'])
    const without = serviceUnit({ program, group: undefined })
    expect(values(without, 'Group')).toEqual([])
    expect(without).toBe(unit.replace('Group=wireshark\n', ''))
  })
})

describe('the plan', () => {
  test.each([
    ['root:x:0:\nwireshark:x:120:jane\n', ['wireshark']],
    ['root:x:0:\nnowireshark:x:120:\n', []],
  ])('with the groups %j', (groups, expected) => {
    const file = join(scratch(), 'group')
    writeFileSync(file, groups)
    const action = planService(program, file)
    expect(action).toMatchObject({ do: 'write', to: '/etc/systemd/system/remora.service' })
    expect(values(action.do === 'write' ? action.content : '', 'Group')).toEqual(expected)
  })

  test('takes away a unit that is there', () => {
    expect(planServiceRemoval('/nonexistent/remora.service')).toEqual([])
    expect(endsService([{ do: 'remove', path: '/etc/systemd/system/remora.service' }])).toBe(true)
    expect(endsService([{ do: 'remove', path: '/usr/local/lib/remora' }])).toBe(false)
  })

  test('tells what to run where systemd is not the first process', async () => {
    expect(await tellManager(['systemctl daemon-reload', 'systemctl enable remora'], false)).toEqual([
      'to be run where systemd is: systemctl daemon-reload && systemctl enable remora',
    ])
  })
})
