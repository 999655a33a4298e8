/** Forwarded ports in the words of iptables-save and nft, also where the chains lead in circles. */
import { describe, expect, test } from 'vitest'
import { parseProxy } from '../../../../src/linux/network/forwards.ts'
import { parseIptables } from '../../../../src/linux/network/iptables-rules.ts'
import { forwardsOf } from '../../../../src/linux/network/nat-rules.ts'
import { parseNft } from '../../../../src/linux/network/nft-rules.ts'

const iptables = (...rules: string[]) =>
  texts(forwardsOf(parseIptables(['*nat', ...rules, 'COMMIT'].join('\n'), 'ipv4')))

function texts(forwards: ReturnType<typeof forwardsOf>): string[] {
  return forwards
    .map(({ protocol, address, port, toAddress, toPort }) => `${protocol} ${address}:${port} > ${toAddress}:${toPort}`)
    .sort()
}

describe('iptables', () => {
  test.each<[string, string[], string[]]>([
    [
      'Docker',
      [
        '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
        '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
        '-A DOCKER -i docker0 -j RETURN',
        '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
      ],
      ['tcp :8080 > 172.17.0.2:80'],
    ],
    [
      "Docker's name server",
      [
        '-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT',
        '-A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:40000',
      ],
      ['udp 127.0.0.11:53 > 127.0.0.11:40000'],
    ],
    [
      'netavark',
      [
        '-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT',
        '-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -m comment --comment "dnat name: podman id: 12" -j NETAVARK-DN-1D8721804F16F',
        '-A NETAVARK-DN-1D8721804F16F -s 10.88.0.0/16 -p tcp -m tcp --dport 8080 -j NETAVARK-HOSTPORT-SETMARK',
        '-A NETAVARK-DN-1D8721804F16F -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80',
      ],
      ['tcp :8080 > 10.88.0.2:80'],
    ],
    [
      'CNI, several ports at once',
      [
        '-A PREROUTING -j CNI-HOSTPORT-DNAT',
        '-A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports 80,443 -j CNI-DN-a',
        '-A CNI-DN-a -p tcp -m tcp --dport 443 -j DNAT --to-destination 10.1.0.2:8443',
        '-A CNI-DN-a -p tcp -m tcp --dport 99 -j DNAT --to-destination 10.1.0.2:9',
      ],
      ['tcp :443 > 10.1.0.2:8443'],
    ],
    [
      'a range keeps its ports',
      ['-A PREROUTING -p tcp --dport 80:82 -j DNAT --to-destination 10.0.0.1'],
      ['tcp :80 > 10.0.0.1:80', 'tcp :81 > 10.0.0.1:81', 'tcp :82 > 10.0.0.1:82'],
    ],
    [
      'a comment that looks like options',
      [
        '-A PREROUTING -p tcp --dport 80 -m comment --comment "-d 9.9.9.9 \\"-j\\" X" -j DNAT --to-destination 10.0.0.1:1',
      ],
      ['tcp :80 > 10.0.0.1:1'],
    ],
    ['a chain nobody enters', ['-A LOOSE -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1'], []],
    ['contradictions', ['-A PREROUTING -p udp -j A', '-A A -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1'], []],
    [
      'circles',
      ['-A PREROUTING -j A', '-A A -j B', '-A B -j A', '-A B -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1'],
      ['tcp :80 > 10.0.0.1:80'],
    ],
    ['what is no address', ['-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination nonsense'], []],
    ['all ports', ['-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1'], []],
  ])('%s', (_, rules, expected) => {
    expect(iptables(...rules)).toEqual(expected)
  })

  test('IPv6 in brackets', () => {
    const text = '*nat\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination [fd00::2]:8080\nCOMMIT'
    expect(texts(forwardsOf(parseIptables(text, 'ipv6')))).toEqual(['tcp :80 > fd00::2:8080'])
  })

  test('other tables do not count', () => {
    const text = '*filter\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2\nCOMMIT'
    expect(forwardsOf(parseIptables(text, 'ipv4'))).toEqual([])
  })

  test('chains that double at every step, and ports without end, are given up in time', () => {
    const chains = Array.from({ length: 40 }, (_, at) => [
      `-A C${at} -p tcp --dport ${at + 1}:60000 -j C${at + 1}`,
      `-A C${at} -d 10.0.0.${at + 1}/32 -j C${at + 1}`,
    ]).flat()
    // Two to the power of forty ways would outlast any test.
    iptables('-A PREROUTING -j C0', ...chains, '-A C40 -j DNAT --to-destination 10.0.0.1')
  })
})

const chain = { family: 'inet', table: 't', name: 'pre', hook: 'prerouting', type: 'nat' }
const nft = (family: string, ...expressions: object[]) =>
  texts(
    forwardsOf(
      parseNft(
        JSON.stringify({
          nftables: [
            { metainfo: {} },
            { chain: { ...chain, family } },
            ...expressions.map(expr => ({ rule: { family, table: 't', chain: 'pre', expr } })),
          ],
        }),
      ),
    ),
  )
const port = (right: unknown, protocol = 'tcp', op = '==') => ({
  match: { op, left: { payload: { protocol, field: 'dport' } }, right },
})

describe('nft', () => {
  test.each<[string, string, object[], string[]]>([
    ['of one family', 'ip', [port(80), { dnat: { addr: '10.0.0.1', port: 8080 } }], ['tcp :80 > 10.0.0.1:8080']],
    [
      'of both',
      'inet',
      [
        { match: { op: '==', left: { payload: { protocol: 'ip', field: 'daddr' } }, right: '10.0.0.9' } },
        port(80),
        { dnat: { family: 'ip', addr: '10.0.0.1' } },
      ],
      ['tcp 10.0.0.9:80 > 10.0.0.1:80'],
    ],
    [
      'any transport',
      'ip',
      [
        { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'udp' } },
        port(53, 'th'),
        { dnat: { addr: '10.0.0.1' } },
      ],
      ['udp :53 > 10.0.0.1:53'],
    ],
    [
      'a set with a range',
      'ip',
      [port({ set: [80, { range: [90, 91] }] }), { dnat: { addr: '10.0.0.1', port: 1 } }],
      ['tcp :80 > 10.0.0.1:1', 'tcp :90 > 10.0.0.1:1', 'tcp :91 > 10.0.0.1:1'],
    ],
    ['all but one port', 'ip', [port(80, 'tcp', '!='), { dnat: { addr: '10.0.0.1', port: 1 } }], []],
    [
      'a set of addresses by its name, and no address',
      'ip',
      [
        { match: { op: '==', left: { payload: { protocol: 'ip', field: 'daddr' } }, right: '@services' } },
        port(80),
        { dnat: { family: 'ip', addr: '10.0.0.1' } },
        { dnat: { family: 'ip', addr: '@backends' } },
      ],
      ['tcp :80 > 10.0.0.1:80'],
    ],
    ['a map, which is not followed', 'ip', [port(80), { dnat: { addr: { map: {} }, port: 1 } }], []],
  ])('%s', (_, family, expression, expected) => {
    expect(nft(family, expression)).toEqual(expected)
  })

  test('jumps stay in their table; iptables tables are noted', () => {
    const rule = (table: string, name: string, expr: object[]) => ({ rule: { family: 'ip', table, chain: name, expr } })
    const ruleset = parseNft(
      JSON.stringify({
        nftables: [
          { chain: { ...chain, family: 'ip' } },
          { chain: { family: 'ip', table: 'nat', name: 'PREROUTING', hook: 'prerouting', type: 'nat' } },
          rule('t', 'pre', [{ jump: { target: 'x' } }]),
          rule('t', 'x', [port(80), { dnat: { addr: '10.0.0.1' } }]),
          rule('other', 'x', [port(81), { dnat: { addr: '10.0.0.1' } }]),
        ],
      }),
    )
    expect(texts(forwardsOf(ruleset))).toEqual(['tcp :80 > 10.0.0.1:80'])
    expect(ruleset.iptables).toEqual(['ipv4'])
  })

  test.each([
    '',
    'x',
    '[]',
    '{"nftables":3}',
    '{"nftables":[null,3,{"rule":{}},{"rule":{"expr":[null,4]}},{"chain":null}]}',
    'null',
  ])('%j has no rules', text => {
    expect(forwardsOf(parseNft(text))).toEqual([])
  })
})

describe('docker-proxy', () => {
  const args = (hostIp: string, container = '172.17.0.2', port = '80') => [
    'docker-proxy',
    '-proto',
    'tcp',
    '-host-ip',
    hostIp,
    '-host-port',
    port,
    '-container-ip',
    container,
    '-container-port',
    '8080',
  ]
  test.each([
    ['0.0.0.0', 'ipv4', ''],
    ['::', 'ipv6', ''],
    ['192.0.2.1', 'ipv4', '192.0.2.1'],
  ])('%s', (hostIp, family, address) => {
    expect(parseProxy(args(hostIp))).toEqual({
      family,
      protocol: 'tcp',
      address,
      port: 80,
      toAddress: '172.17.0.2',
      toPort: 8080,
    })
  })
  test.each([
    ['anything else', ['docker-proxy', '-proto', 'tcp']],
    ['an address that is none', args('here')],
    ['a destination that is none', args('0.0.0.0', '172.17.0.2x')],
    ['a port that is none', args('0.0.0.0', '172.17.0.2', '65536')],
  ])('%s is none', (_, given) => expect(parseProxy(given)).toBeUndefined())
})
