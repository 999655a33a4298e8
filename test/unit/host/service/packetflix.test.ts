/** References against the list of a stock service, which a stock server tells. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPacketflixSubject } from '../../../../src/host/service/packetflix.ts'
import { type StockServer, startStockServer } from '../../../helpers/stock-server.ts'

const entry = (name: string, type: string, netns: number, more: Record<string, unknown> = {}) => ({
  ...{ name, type, netns, 'network-interfaces': ['lo', 'eth0'], pid: netns, starttime: 7, prefix: '' },
  ...more,
})

const containers = [
  entry('web', 'docker', 101),
  entry('web', 'docker', 102, { prefix: 'outer/inner' }),
  entry('db', 'podman', 103),
  entry('twin', 'docker', 104),
  entry('twin', 'containerd', 105),
  entry('side', 'docker', 106),
  entry('side', 'CRI', 106),
  entry('default/nginx', 'pod', 107),
  entry('systemd(1)', 'proc', 108, { pid: 1 }),
  entry('nginx(4711)', 'proc', 109, { pid: 4711 }),
  entry('/run/netns/blue', 'bindmount', 110, { pid: 0, starttime: 0 }),
  entry('/run/netns/a b', 'bindmount', 111, { pid: 0, starttime: 0 }),
  entry('/proc/1/ns/mnt:/run/netns/red', 'bindmount', 112, { pid: 0, starttime: 0 }),
  entry('/proc/77/ns/mnt:/run/netns/red', 'bindmount', 113, { pid: 0, starttime: 0 }),
  entry('/srv/run/netns/blue', 'bindmount', 114, { pid: 0, starttime: 0 }),
]

/** As Ghostwire has it: a pod's containers one by one, labels left out where there are none. */
const topology = {
  metadata: {},
  'network-namespaces': [
    [101, 'web', { app: 'web', 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' }],
    [103, 'db', { app: 'db', 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'db' }],
    [107, 'nginx', { app: 'front' }, 4],
    [108, 'systemd(1)', undefined],
  ].map(([netns, name, labels, pid = netns]) => ({
    id: `netns-${netns}`,
    containers: [{ name, prefix: '', type: 'docker.com', pid, ...(labels !== undefined && { labels }) }],
  })),
}

let server: StockServer
beforeAll(async () => {
  server = await startStockServer({ document: { metadata: {}, containers }, topology })
})
afterAll(() => server.close())

const find = (text: string) => findPacketflixSubject({ base: server.url }, text, new AbortController().signal)

test.each([
  ['web', 101],
  ['container:web', 101],
  ['docker:web', 101],
  ['outer/inner/web', 102],
  ['podman:db', 103],
  ['docker:twin', 104],
  ['side', 106],
  ['pod:default/nginx', 107],
  ['host', 108],
  ['pid:1', 108],
  ['pid:4711@7', 109],
  ['process:nginx', 109],
  ['named:blue', 110],
  ['file:/run/netns/a%20b', 111],
  ['file:/proc/1/ns/mnt:/run/netns/blue', 110],
  ['named:red', 112],
  ['file:/run/netns/red', 112],
  ['file:/proc/1/ns/mnt:/run/netns/red', 112],
  ['file:/proc/77/ns/mnt:/run/netns/red', 113],
  ['file:/srv/run/netns/blue', 114],
  ['label:app=web', 101],
  ['compose:shop/db', 103],
  ['label:app=front', 107],
])('%s', async (text, netns) => {
  expect(await find(text)).toMatchObject({ kind: 'container', target: { netns } })
})

test('a namespace is asked for by a target in it, and by its number where the service lists none', async () => {
  const target = { name: 'side', netns: 106, 'network-interfaces': ['lo', 'eth0'] }
  expect(await find('netns:106')).toMatchObject({ kind: 'container', target })
  const byNumber = { kind: 'netns', netns: 4026532573 }
  expect(await find('netns:4026532573')).toEqual(byNumber)
  const silent = await startStockServer({ requireToken: 'x' })
  expect(await findPacketflixSubject({ base: silent.url }, 'netns:4026532573', new AbortController().signal)).toEqual(
    byNumber,
  )
  await silent.close()
})

test.each([
  ['wbe', 'TARGET_NOT_FOUND', /lists nothing that matches wbe/, /Did you mean web/],
  ['nginx', 'TARGET_NOT_FOUND', /nginx/, /./],
  ['pid:4711@8', 'TARGET_NOT_FOUND', /4711@8/, /./],
  ['podman:web', 'TARGET_NOT_FOUND', /podman:web/, /./],
  ['twin', 'TARGET_AMBIGUOUS', /twin \(docker\), twin \(containerd\)/, undefined],
  ['label:app=none', 'TARGET_NOT_FOUND', /label:app=none/, /./],
  ['compose:shop', 'TARGET_AMBIGUOUS', /web \(docker\), db \(podman\)/, undefined],
  ['pid:x', 'USAGE', /is no target reference/, /./],
  ['env:STAGE=s3cret', 'USAGE', /^(?!.*s3cret).*tells no environment variables/, /label/],
])('%s is %s', async (text, code, message, hint) => {
  await expect(find(text)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
    ...(hint && { hint: expect.stringMatching(hint) }),
  })
})

test.each(['label:app=web', 'compose:shop'])('a service without labels says so: %s', async text => {
  for (const told of [undefined, {}, { 'network-namespaces': [{ id: 'x' }] }]) {
    const silent = await startStockServer({ document: { metadata: {}, containers }, topology: told })
    await expect(findPacketflixSubject({ base: silent.url }, text, new AbortController().signal)).rejects.toMatchObject(
      {
        code: 'USAGE',
        message: expect.stringMatching(/tells no labels/),
        hint: expect.stringMatching(/name/),
      },
    )
    await silent.close()
  }
})
