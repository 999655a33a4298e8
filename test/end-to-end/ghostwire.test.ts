/** The documents of Ghostwire with a real Docker on the host: who is there, and how it is called. */
import { getPriority } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, run } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { ghostwireSchema, mobysharkSchema } from '../helpers/ghostwire-schema.ts'
import { executable, remora } from '../helpers/remora.ts'
import { document, nif, topology } from '../helpers/topology-document.ts'

let engine: Docker
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  engine = await startDocker()
  env = { DOCKER_HOST: engine.env.DOCKER_HOST }
  await engine.docker('network', 'create', '--subnet', '172.31.77.0/24', '--label', 'tier=front', 'shop')
  await engine.docker('network', 'create', '--internal', '--subnet', '172.31.78.0/24', 'back')
  const ip = ['nsenter', `--net=/proc/${engine.daemon.pid}/ns/net`, '--', 'ip']
  await must(...ip, 'link', 'add', 'hvp0', 'type', 'veth', 'peer', 'name', 'hvp1')
  const parent = ['--driver', 'macvlan', '--opt', 'parent=hvp0', '--label', 'tier=lan']
  await engine.docker('network', 'create', ...parent, '--subnet', '172.31.79.0/24', 'hvmac')
  await engine.container(
    'web',
    [
      '--network',
      'shop',
      '-p',
      '8088:80',
      '--label',
      'app=web',
      '--hostname',
      'shop-web',
      '--add-host',
      'db.test:172.31.78.9',
    ],
    ['httpd', '-f', '-p', '80'],
  )
  await engine.docker('network', 'connect', 'back', 'web')
  await engine.container('joined', ['--network', 'container:web'])
})
afterAll(async () => {
  await engine?.close()
})

async function dockerNetns(name: string): Promise<number> {
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
  return Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
}

describe('mobyshark', () => {
  test('has every target with all seven keys', async () => {
    const all = await document<{ containers: Record<string, unknown>[] }>(['mobyshark'], env)
    expect(mobysharkSchema(all, 'document')).toEqual([])
    const netns = await dockerNetns('web')
    const web = all.containers.find(target => target.name === 'web' && target.netns === netns)
    expect(web).toMatchObject({ type: 'docker', netns, 'network-interfaces': ['lo', 'eth0', 'eth1'], prefix: '' })
    expect(all.containers.find(target => target.name === 'joined' && target.netns === netns)).toMatchObject({
      type: 'docker',
      netns,
    })
    expect(all.containers[0]).toMatchObject({ type: 'proc', name: expect.stringMatching(/^.+\(\d+\)$/) })
  })

  test('filters apply', async () => {
    const { containers } = await document<{ containers: { name: string; type: string; netns: number }[] }>(
      ['mobyshark', '--type', 'docker', 'w*'],
      env,
    )
    expect(containers.map(({ netns }) => netns)).toContain(await dockerNetns('web'))
    expect(containers.filter(({ name, type }) => !name.startsWith('w') || type !== 'docker')).toEqual([])
  })

  test('an unknown format is wrong usage', async () => {
    expect(await remora(['list', '--format', 'xml'], { env })).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^remora: USAGE: there is no format "xml"\nhint: /),
    })
  })
})

describe('ghostwire', () => {
  test('fits the schema, and every id in it leads somewhere, once', async () => {
    const all = await topology(env)
    expect(ghostwireSchema(all, 'document')).toEqual([])
    const text = JSON.stringify(all)
    const ids = [...text.matchAll(/"id":"([a-z]+-[^"]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const references = [
      ...[...text.matchAll(/idref":"([^"]+)"/g)].map(([, id]) => id),
      ...[...text.matchAll(/refs":(\[[^\]]*\])/g)].flatMap(([, list = '']) => JSON.parse(list) as string[]),
    ]
    expect(references.filter(id => !ids.includes(id))).toEqual([])
    expect(all.metadata['container-engines']).toContainEqual(
      expect.objectContaining({ type: 'docker.com', version: expect.stringMatching(/^\d+\./) }),
    )
    expect(all.metadata['container-engines']).toContainEqual(
      expect.objectContaining({ type: 'containerd.io', id: expect.stringMatching(/^[\da-f-]{36}$/) }),
    )
  })

  test('Docker: networks, published ports, labels and name resolution', async () => {
    const all = await topology(env)
    const pid = Number(await engine.docker('inspect', '-f', '{{.State.Pid}}', 'web'))
    const web = all['network-namespaces'].find(({ containers }) => containers.some(({ id }) => id === `cont-${pid}`))
    const host = all['network-namespaces'].find(
      namespace =>
        namespace['network-interfaces'].some(({ name }) => name === 'docker0') &&
        namespace['forwarded-ports'].ipv4.some(({ port }) => port === 8088),
    )
    expect(web?.containers).toMatchObject([
      {
        id: `cont-${pid}`,
        type: 'docker',
        'type-text': 'Docker',
        status: 'running',
        cmdline: 'httpd -f -p 80',
        labels: { app: 'web' },
        'api-path': `unix:///proc/${engine.daemon.pid}/root${engine.socket}`,
        policy: 0,
        priority: 0,
        nice: getPriority(),
        dns: {
          'uts-hostname': 'shop-web',
          'etc-hostname': 'shop-web',
          nameservers: ['127.0.0.11'],
          'etc-hosts': expect.arrayContaining([{ name: 'db.test', address: '172.31.78.9' }]),
        },
      },
      { name: 'joined' },
    ])
    const published = host?.['forwarded-ports'].ipv4.filter(({ port }) => port === 8088)
    expect(published).toMatchObject([
      {
        ip: '0.0.0.0',
        'forward-ip': '172.31.77.2',
        'forward-port': 80,
        netnsid: web?.netnsid,
        owners: [{ pid, 'container-idref': `cont-${pid}` }],
        'network-interface-refs': [web && nif(web, 'eth0')?.id],
      },
    ])
    expect(web?.['forwarded-ports'].ipv4, 'the name server of Docker').toContainEqual(
      expect.objectContaining({ ip: '127.0.0.11', port: 53, netnsid: web?.netnsid }),
    )
    const bridges = host?.['network-interfaces'].filter(({ name }) => name === 'docker0' || name.startsWith('br-'))
    expect(bridges).toHaveLength(3)
    expect(bridges).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ alias: 'shop', labels: { 'gostwire/network/name': 'shop', tier: 'front' } }),
        expect.objectContaining({
          alias: 'back',
          labels: { 'gostwire/network/name': 'back', 'gostwire/bridge/internal': 'true' },
        }),
        expect.objectContaining({
          alias: 'bridge',
          labels: { 'gostwire/network/name': 'bridge', 'gostwire/network/default-bridge': 'true' },
        }),
      ]),
    )
    expect(host && nif(host, 'hvp0')).toMatchObject({
      alias: 'hvmac',
      labels: { 'gostwire/network/name': 'hvmac', tier: 'lan' },
    })
    const peers = bridges?.flatMap(({ slaves = [] }) =>
      slaves.map(({ idref }) => host?.['network-interfaces'].find(({ id }) => id === idref)?.peer?.['peer-name']),
    )
    expect(peers?.sort()).toEqual(['eth0', 'eth1'])
  })

  test('a plain user gets a document too, with what he may see', async () => {
    const { status, stdout } = await run(
      ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', executable, 'list', '--format', 'ghostwire'],
      { env: { PATH: process.env.PATH } },
    )
    expect(status).toBe(0)
    expect(ghostwireSchema(JSON.parse(stdout), 'document')).toEqual([])
  })
})
