import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  both,
  carried,
  exclusion,
  exclusionIn,
  type StreamConnection,
} from '../../../../src/capture/request/own-stream.ts'

const local: StreamConnection = { addresses: ['127.0.0.1', '127.0.0.1'], ports: [40_000, 5001] }
const remote: StreamConnection = { addresses: ['192.0.2.9', '192.0.2.1'], ports: [40_000, 5001] }
const interfaces = (...addresses: string[]) => [
  { addresses: addresses.map(address => ({ address, prefix: 24, scope: 0 })) },
]

test.each<[string, boolean, string[], StreamConnection[]]>([
  ['the host sees both', true, ['10.0.0.1'], [local, remote]],
  ['a container sees neither', false, ['10.0.0.2', '127.0.0.1'], []],
  ['a container that the client runs in sees its own', false, ['192.0.2.9'], [remote]],
])('%s', (_, central, addresses, left) => {
  expect(carried([local, remote], { central, interfaces: interfaces(...addresses) as never })).toEqual(left)
})

test('the filter names each end and each port once', () => {
  expect(exclusion([local])).toBe('not (tcp and host 127.0.0.1 and port 40000 and port 5001)')
  expect(exclusion([remote, { addresses: ['2001:db8::1', '2001:db8::1'], ports: [443] }])).toBe(
    'not (tcp and host 192.0.2.9 and host 192.0.2.1 and port 40000 and port 5001) and not (tcp and host 2001:db8::1 and port 443)',
  )
  expect(exclusion([])).toBe('')
})

describe('together with a filter', () => {
  test.each([
    ['', '', ''],
    ['not (x)', '', 'not (x)'],
    ['', 'tcp', 'tcp'],
    ['not (x)', 'tcp or udp', 'not (x) and (tcp or udp)'],
    ['not (x)', '(tcp) or (udp)', 'not (x) and ((tcp) or (udp))'],
  ])('%j and %j', (excluding, filter, together) => {
    expect(both(excluding, filter)).toBe(together)
    expect(exclusionIn(together, filter)).toBe(excluding)
  })

  test('none gets out of its parentheses', () => {
    const words = fc.constantFrom('(', ')', 'tcp', ' or ', ' and ', 'not ', '\n', '\\', '"')
    fc.assert(
      fc.property(fc.array(words, { minLength: 1 }), parts => {
        const filter = parts.join('')
        let together: string
        try {
          together = both('not (x)', filter)
        } catch (error) {
          expect(error).toMatchObject({ code: 'FILTER_INVALID' })
          return
        }
        let depth = 0
        for (const character of together.slice('not (x) and '.length, -1)) {
          depth += character === '(' ? 1 : character === ')' ? -1 : 0
          expect(depth).toBeGreaterThan(0)
        }
      }),
      { numRuns: 5_000 },
    )
  })
})
