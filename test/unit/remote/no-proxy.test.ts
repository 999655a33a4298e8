import { describe, expect, test } from 'vitest'
import { isExempt } from '../../../src/remote/no-proxy.ts'

/** What is on the list, who is asked for, and whether that is without a proxy. */
describe.each<[string, [string, number, boolean][]]>([
  ['', [['server', 80, false]]],
  [
    '*',
    [
      ['server', 80, true],
      ['10.0.0.1', 80, true],
      ['[2001:db8::1]', 80, true],
    ],
  ],
  ['other, *', [['server', 80, true]]],
  [
    '10.0.0.0/8',
    [
      ['10.9.8.7', 5001, true],
      ['11.0.0.1', 5001, false],
      ['[::ffff:10.1.2.3]', 80, true],
      ['10.example', 80, false],
    ],
  ],
  // Bits behind the prefix count for nothing, as in Go.
  [
    '10.91.7.7/16',
    [
      ['10.91.0.2', 5001, true],
      ['10.92.0.2', 5001, false],
    ],
  ],
  [
    '0.0.0.0/0',
    [
      ['192.0.2.1', 80, true],
      ['[2001:db8::1]', 80, false],
      ['server', 80, false],
    ],
  ],
  ['10.0.0.0/33', [['10.0.0.1', 80, false]]],
  ['10.0.0.0/', [['10.0.0.0', 80, false]]],
  [
    '2001:db8::/32',
    [
      ['[2001:db8:1::2]', 5001, true],
      ['2001:db8:1::2', 5001, true],
      ['[2001:db9::1]', 5001, false],
      ['10.0.0.1', 80, false],
    ],
  ],
  ['fe80::/10', [['[fe80::1]', 5001, true]]],
  ['[2001:db8::]/32', [['[2001:db8::5]', 80, true]]],
  [
    '192.0.2.1',
    [
      ['192.0.2.1', 80, true],
      ['192.0.2.10', 80, false],
      ['1.192.0.2.1', 80, false],
    ],
  ],
  [
    '192.0.2.1:5001',
    [
      ['192.0.2.1', 5001, true],
      ['192.0.2.1', 80, false],
    ],
  ],
  [
    '2001:db8::1',
    [
      ['[2001:db8::1]', 80, true],
      ['[2001:db8:0::1]', 80, true],
      ['[2001:db8::1:1]', 80, false],
    ],
  ],
  ['2001:DB8:0:0::1', [['[2001:db8::1]', 80, true]]],
  [
    '[2001:db8::1]',
    [
      ['[2001:db8::1]', 80, true],
      ['2001:db8::1', 80, true],
    ],
  ],
  [
    '[2001:db8::1]:5001',
    [
      ['[2001:db8::1]', 5001, true],
      ['[2001:db8::1]', 80, false],
    ],
  ],
  ['[fe80::1%eth0]', [['[fe80::1]', 80, true]]],
  [
    'example.org',
    [
      ['example.org', 80, true],
      ['a.example.org', 80, true],
      ['A.EXAMPLE.ORG.', 80, true],
      ['notexample.org', 80, false],
      ['example.org.evil', 80, false],
    ],
  ],
  ['EXAMPLE.org.', [['example.org', 80, true]]],
  [
    '.example.org',
    [
      ['a.example.org', 80, true],
      ['example.org', 80, true],
      ['notexample.org', 80, false],
    ],
  ],
  [
    '*.example.org',
    [
      ['a.example.org', 80, true],
      ['b.a.example.org', 80, true],
      ['notexample.org', 80, false],
    ],
  ],
  [
    'example.org:8080',
    [
      ['example.org', 8080, true],
      ['a.example.org', 8080, true],
      ['example.org', 80, false],
    ],
  ],
  [
    'localhost',
    [
      ['localhost', 80, true],
      ['server', 80, false],
    ],
  ],
  [
    'a b,c\td',
    [
      ['a', 80, true],
      ['b', 80, true],
      ['c', 80, true],
      ['d', 80, true],
      ['e', 80, false],
    ],
  ],
  [
    ',, ,.,*.',
    [
      ['server', 80, false],
      ['10.0.0.1', 80, false],
    ],
  ],
  // The end of an address is no domain.
  ['0.1', [['10.0.0.1', 80, false]]],
  ['.0.0.1', [['10.0.0.1', 80, false]]],
])('NO_PROXY=%s', (list, hosts) => {
  test.each(hosts)('%s:%i', (host, port, exempt) => {
    expect(isExempt(list, host, port)).toBe(exempt)
  })
})
