/** The documents of Ghostwire's `GET /mobyshark` and `GET /json` (api/v1), as a table. */
import { flag, like, list, number, object, oneOf, record, type Schema, text } from './schema.ts'

const metadata = object({
  creator: text,
  'creator-id': oneOf('gostwire'),
  'creator-version': text,
  'creation-timestamp': like(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  hostname: text,
  'osrel-name': text,
  'osrel-version': text,
  'kernel-version': text,
  cpus: list(list(number)),
  'container-engines': list(object({ id: text, type: text, version: text, pid: number })),
})

export const mobysharkSchema = object({
  metadata,
  containers: list(
    object({
      name: text,
      type: text,
      netns: number,
      'network-interfaces': list(text),
      pid: number,
      starttime: number,
      prefix: text,
    }),
  ),
})

const netnsId = like(/^netns-\d+$/)
const nifId = like(/^nif-\d+-\d+$/)
const tenantId = like(/^(cont-\w+|bmnt-\d+)$/)
const family = oneOf(2, 10)
const both = (schema: Schema) => object({ ipv4: list(schema), ipv6: list(schema) })

const dns = object({
  'uts-hostname': text,
  'etc-hostname': text,
  domainname: text,
  nameservers: list(text),
  searchlist: list(text),
  'etc-hosts': list(object({ name: text, address: text })),
})

const container = object(
  {
    id: tenantId,
    name: text,
    prefix: text,
    type: text,
    'type-text': text,
    group: like(/^(group-\d+)?$/),
    pid: number,
    pidns: number,
    'pidns-idref': like(/^(pidns-\d+)?$/),
    status: oneOf('running', 'paused', ''),
    cmdline: text,
    'api-path': text,
    dns,
  },
  {
    labels: record(text),
    capbnd: like(/^0x(0|[0-9a-f]{16})$/),
    affinity: list(list(number)),
    policy: number,
    priority: number,
    nice: number,
  },
)

const reference = object({ idref: nifId, index: number, name: text })
const owner = object({ pid: number, cmdline: text }, { 'container-idref': tenantId })
const address = object({
  family,
  address: text,
  prefixlen: number,
  'preferred-lifetime': number,
  'valid-lifetime': number,
  scope: number,
  index: number,
})

const networkInterface = object(
  {
    id: nifId,
    name: text,
    index: number,
    kind: text,
    operstate: oneOf('UNKNOWN', 'NOTPRESENT', 'DOWN', 'LOWERLAYERDOWN', 'TESTING', 'DORMANT', 'UP'),
    physical: flag,
    promisc: flag,
    driverinfo: object({ driver: text }, { version: text, fwversion: text, businfo: text, eromversion: text }),
    addresses: object({ mac: text, ipv4: list(address), ipv6: list(address) }),
  },
  {
    alias: text,
    labels: record(text),
    master: reference,
    slaves: list(reference),
    macvlan: reference,
    macvlans: list(reference),
    pf: reference,
    peer: object({ 'peer-idref': nifId, 'peer-index': number, 'peer-name': text }),
    tuntap: object({ mode: oneOf('tap', 'tun'), processors: list(owner) }),
    vxlan: object(
      {
        vid: number,
        'arp-proxy': flag,
        'source-portrange': object({ low: number, high: number }),
        'remote-port': number,
      },
      {
        idref: nifId,
        source: object({}, { source_ipv4: text, source_ipv6: text }),
        remote: object({}, { remote_ipv4: text, remote_ipv6: text }),
      },
    ),
    vlan: object({ vid: number, 'vlan-protocol': number }),
    'sr-iov-role': oneOf(1, 2),
  },
)

const route = object(
  {
    type: text,
    family,
    destination: text,
    'destination-prefixlen': number,
    preference: like(/^[01]{2}$/),
    priority: number,
    table: oneOf(254, 255),
  },
  { index: number, 'network-interface-idref': nifId, 'next-hop': text },
)

const transportPort = object({
  family,
  protocol: oneOf('tcp', 'udp'),
  'local-address': text,
  'local-port': number,
  'local-servicename': text,
  'remote-address': text,
  'remote-port': number,
  'remote-servicename': text,
  state: text,
  macrostate: oneOf('listening', 'connected', 'unconnected'),
  owners: list(owner),
  'network-interface-idrefs': list(nifId),
})

const forwardedPort = object({
  family,
  protocol: text,
  ip: like(/^[0-9a-f.:]+$/),
  port: number,
  servicename: text,
  'forward-ip': text,
  'forward-port': number,
  'forward-servicename': text,
  netnsid: number,
  owners: list(owner),
  'network-interface-refs': list(nifId),
})

const pidNamespace: Schema = (value, path) =>
  object({
    id: like(/^pidns-\d+$/),
    pidnsid: number,
    children: list(pidNamespace),
    'container-idrefs': list(tenantId),
  })(value, path)

export const ghostwireSchema = object({
  metadata,
  'network-namespaces': list(
    object({
      id: netnsId,
      netnsid: number,
      'container-groups': list(
        object({
          id: like(/^group-\d+$/),
          name: text,
          type: oneOf('pod'),
          'type-text': oneOf('Pod'),
          'container-idrefs': list(tenantId),
        }),
      ),
      containers: list(container),
      'network-interfaces': list(networkInterface),
      routes: both(route),
      'transport-ports': both(transportPort),
      'forwarded-ports': both(forwardedPort),
    }),
  ),
  'pid-namespaces': list(pidNamespace),
})
