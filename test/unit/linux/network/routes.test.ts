/** Routes as the kernel lists them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRoutes } from '../../../../src/linux/network/routes.ts'
import { routeText } from '../../../../src/model/route.ts'

const ipv4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0                                                                               
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0                                                                             
tun0\t00000000\t00000000\t0001\t0\t0\t9\t00000080\t0\t0\t0
*\t0000070A\t00000000\t0200\t0\t0\t0\t0000FFFF\t0\t0\t0
`
const zero = '0'.repeat(32)
const one = `${'0'.repeat(31)}1`
const ipv6 = `fd00000000000000000000000000000a 80 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0
${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
${one} 80 ${zero} 00 ${zero} 00000000 00000003 00000000 80200001       lo
fd000000000000000000000000000000 80 ${zero} 00 ${zero} 00000000 00000002 00000000 80300001     eth0
ff000000000000000000000000000000 08 ${zero} 00 ${zero} 00000100 00000003 00000000 00000001     eth0
${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo
`

test('both lists', () => {
  expect(parseRoutes(ipv4 + ipv6, 'LE').map(routeText)).toEqual([
    'default via 172.17.0.1 dev eth0',
    '172.17.0.0/16 dev eth0',
    '0.0.0.0/1 dev tun0',
    'fd00::a dev eth0',
    'default via fe80::1 dev eth0',
  ])
})

test('on a machine of the other byte order', () => {
  expect(parseRoutes('eth0 AC110000 AC110001 0003 0 0 0 FFFF0000 0 0 0', 'BE').map(routeText)).toEqual([
    '172.17.0.0/16 via 172.17.0.1 dev eth0',
  ])
})

test('a line that was cut off is none', () => {
  fc.assert(
    fc.property(fc.nat(ipv4.length + ipv6.length), end => {
      const whole = parseRoutes(ipv4 + ipv6, 'LE').map(routeText)
      const found = parseRoutes((ipv4 + ipv6).slice(0, end), 'LE').map(routeText)
      // Only the name of a device at the very end may be shorter.
      expect(found.slice(0, -1)).toEqual(whole.slice(0, Math.max(0, found.length - 1)))
    }),
  )
})
