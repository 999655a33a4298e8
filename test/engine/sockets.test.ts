/** Sockets behind which there is no engine, or a bad one: bounded in time, each with its reason, none hides the others. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { dockerApiEngine } from '../../src/engine/docker-api.ts'
import { askEngines, findEngines } from '../../src/engine/engines.ts'
import { endPeers, peer } from '../helpers/peer.ts'
import { scratch } from '../helpers/scratch.ts'

afterEach(endPeers)

const http = (body: string, status = '200 OK') =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const silent = () => {}
const containers = (count: number) =>
  JSON.stringify(Array.from({ length: count }, (_, id) => ({ Id: `${id}`, Names: ['/web'], State: 'running' })))

describe('a bad engine', () => {
  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['never answers', silent, /did not answer within 300 ms/],
    ['hangs up', socket => socket.destroy(), /no usable answer/],
    ['speaks another protocol', socket => socket.end('SSH-2.0-OpenSSH\r\n'), /no usable answer/],
    [
      'fails',
      socket => socket.end(http('{"message":"boom"}', '500 Internal Server Error')),
      /status 500: \{"message":"boom"\}/,
    ],
    ['sends no JSON', socket => socket.end(http('hello')), /no usable answer/],
    ['breaks off', socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n['), /no usable answer/],
    ['tells of more containers than there can be', socket => socket.end(http(containers(4_001))), /more than 4000/],
    ['trickles', socket => void setInterval(() => socket.write(' '), 50).unref(), /no usable answer|did not answer/],
  ])('that %s is reported', async (_, answer, message) => {
    const started = performance.now()
    const [result] = await askEngines([dockerApiEngine('docker', await peer(answer))], 300)
    expect(result?.containers).toEqual([])
    expect(result?.failure).toMatchObject({ code: 'PEER_FAILED', message: expect.stringMatching(message) })
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('does not hide or delay a good one', async () => {
    const good = dockerApiEngine(
      'docker',
      await peer(socket => socket.end(http('[{"Id":"aa","Names":["/web"],"State":"running"}]'))),
    )
    const bad = dockerApiEngine('docker', await peer(silent))
    const answers = await askEngines([bad, good], 300)
    expect(answers.map(({ containers }) => containers.map(({ name }) => name))).toEqual([[], ['web']])
  })

  test('nobody listens on is reported', async () => {
    const path = await peer(silent)
    const stale = `${path}-stale`
    const server = createServer().listen(stale)
    await new Promise(resolve => server.once('listening', resolve))
    const { renameSync } = await import('node:fs')
    renameSync(stale, `${stale}-2`)
    server.close()
    const [result] = await askEngines([dockerApiEngine('docker', `${stale}-2`)], 300)
    expect(result?.failure?.message).toMatch(/nothing listens there/)
  })
})

describe('whatever a list holds, it is read', () => {
  test.each([
    ['null', []],
    ['{}', []],
    ['[]', []],
    ['[{"Id":"aa","State":"running"}]', [{ id: 'aa', name: 'aa', addresses: [], labels: {} }]],
    [
      '[{"Id":"aa","Names":["/a/b","/web"],"State":"paused","Labels":null}]',
      [{ name: 'web', state: 'paused', labels: {} }],
    ],
    [
      '[{"Id":"aa","Names":["/web"],"State":"running","NetworkSettings":{"Networks":{"x":null,"y":{}}}}]',
      [{ addresses: [] }],
    ],
    [
      '[{"Id":"aa","State":"running","HostConfig":{"Annotations":{"note":"by hand","odd":1}}}]',
      [{ annotations: { note: 'by hand' } }],
    ],
    ['[{"Id":"aa","Names":["/web"],"State":"created"}]', []],
    [
      '[{"Id":"aa","Names":["/k8s_web_shop-1_default_6b2f3c9e-00_0"],"State":"running"}]',
      [{ name: 'k8s_web_shop-1_default_6b2f3c9e-00_0', pod: { name: 'default/shop-1', sandbox: false } }],
    ],
    [
      '[{"Id":"aa","Names":["/k8s_POD_shop-1_default_6b2f3c9e-00_1"],"State":"running"}]',
      [{ pod: { id: '6b2f3c9e-00', name: 'default/shop-1', sandbox: true } }],
    ],
  ])('%s', async (json, expected) => {
    const engine = dockerApiEngine('docker', await peer(socket => socket.end(http(json))))
    expect(await engine.containers(AbortSignal.timeout(2_000))).toMatchObject(expected)
  })
})

describe('sockets are found', () => {
  test('a Podman that answers in place of Docker is found once, as what it is', async () => {
    const folder = scratch()
    mkdirSync(join(folder, 'podman'))
    const socket = join(folder, 'podman/podman.sock')
    const server = createServer().listen(socket)
    onTestFinished(() => void server.close())
    await new Promise(resolve => server.once('listening', resolve))
    symlinkSync(socket, join(folder, 'docker.sock'))
    const env = { XDG_RUNTIME_DIR: folder, HOME: '/nonexistent', DOCKER_HOST: `unix://${join(folder, 'docker.sock')}` }
    expect(findEngines(env).filter(({ address }) => address === socket)).toMatchObject([{ name: 'podman' }])
  })

  test('where DOCKER_HOST says, if that is a socket here', async () => {
    const path = await peer(silent)
    expect(
      findEngines({ DOCKER_HOST: `unix://${path}`, HOME: '/nonexistent' }).map(({ address }) => address),
    ).toContain(path)
    const file = join(scratch(), 'file')
    writeFileSync(file, '')
    chmodSync(file, 0o600)
    for (const host of [`unix://${file}`, 'unix:///nonexistent', 'tcp://1.2.3.4:2375', 'ssh://x']) {
      expect(findEngines({ DOCKER_HOST: host, HOME: '/nonexistent' }).map(({ address }) => address)).not.toContain(file)
    }
  })

  test('of containerd, which may answer the CRI as well, and of runtimes that speak nothing else', async () => {
    const containerd = await peer(silent)
    const runtime = await peer(silent)
    const env = { CONTAINERD_ADDRESS: containerd, CONTAINER_RUNTIME_ENDPOINT: `unix://${runtime}` }
    const found = (variables: NodeJS.ProcessEnv, engine: string) =>
      findEngines(variables).flatMap(({ name, address }) => (name === engine ? address : []))
    expect(found(env, 'containerd')).toContain(containerd)
    expect(found(env, 'containerd')).not.toContain(runtime)
    expect(found(env, 'cri')).toEqual(expect.arrayContaining([runtime, containerd]))
    const same = { CONTAINERD_ADDRESS: containerd, CONTAINER_RUNTIME_ENDPOINT: `unix://${containerd}` }
    expect(found(same, 'cri').filter(address => address === containerd)).toHaveLength(1)
    expect(found({ CONTAINER_RUNTIME_ENDPOINT: 'tcp://1.2.3.4:5' }, 'cri')).not.toContain('tcp://1.2.3.4:5')
  })
})

test('a name that only looks like one of Kubernetes is a name', async () => {
  const names = [
    'k8s_web',
    'k8s_Web_a_b_00_0',
    'k8s_a_b_c_zz_0',
    'x_k8s_a_b_c_00_0',
    'k8s_-a_b_c_00_0',
    'k8s_a_b_c_00_',
  ]
  const json = JSON.stringify(names.map((name, id) => ({ Id: `${id}`, Names: [`/${name}`], State: 'running' })))
  const engine = dockerApiEngine('docker', await peer(socket => socket.end(http(json))))
  const containers = await engine.containers(AbortSignal.timeout(2_000))
  expect(containers.map(({ pod }) => pod)).toEqual(names.map(() => undefined))
})
