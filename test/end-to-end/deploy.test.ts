/**
 * The ways the service is run, with exactly the rights their descriptions give: the image as compose starts it, the pod
 * as Kubernetes would, and the unit as systemd confines it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { serviceCapabilities, serviceUnit } from '../../src/setup/service-unit.ts'
import { boot } from '../helpers/booted.ts'
import { capabilitiesIn } from '../helpers/capabilities.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { run, start, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { expectNoDumpcap } from '../helpers/leaks.ts'
import { composeService, type Manifest, manifests, runArguments } from '../helpers/manifests.ts'
import { startPodman } from '../helpers/podman.ts'
import { executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { buildServiceImage, serviceImage } from '../helpers/service-image.ts'

let engine: Docker
let netns: number
beforeAll(async () => {
  engine = await startDocker()
  await engine.docker('network', 'create', '--subnet', '172.31.78.0/24', 'shop')
  await engine.container('web', ['--network', 'shop'], ['ping', '-i', '0.2', '172.31.78.1'])
  netns = Number(/\d+/.exec(await inWeb('readlink', '/proc/self/ns/net'))?.[0])
  await buildServiceImage(engine.docker)
})
afterAll(() => engine?.close())

async function inWeb(...command: string[]): Promise<string> {
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', 'web')
  return (await run(['nsenter', '-t', pid, '-n', '--', ...command])).stdout
}

/** curl(1), run where the engine runs: its host network is a namespace of its own. */
async function curl(...args: string[]): Promise<string> {
  const pid = String(engine.daemon.pid)
  const { status, stdout, stderr } = await run(['nsenter', '-t', pid, '-n', '--', 'curl', '-sS', '--fail', ...args])
  if (status !== 0) throw new Error(`curl ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout
}

/** Captures two seconds of a target with nothing but HTTP, and returns the numbers of its pings. */
async function captureOverHttp(base: string, target: string, ...args: string[]): Promise<number[]> {
  const body = JSON.stringify({ target, stop: { duration: 2 } })
  const headers = ['-H', 'content-type: application/json']
  const created = JSON.parse(await curl(...args, ...headers, '-d', body, `${base}/v1/captures`))
  const file = join(scratch(), 'capture.pcapng')
  await curl(...args, '-o', file, new URL(created.download, base).href)
  return pingsIn(file)
}

describe('the image as compose.yaml starts it', () => {
  const service = composeService()
  const name = 'remora-service'
  afterEach(async () => void (await run(['docker', 'rm', '-f', name], { env: engine.env })))
  const startService = (command: readonly string[], ...options: string[]) => {
    const flags = runArguments(service, engine.socket)
    return engine.docker('run', '-d', '--name', name, ...flags, ...options, serviceImage, ...command)
  }

  test('is a plain user with five capabilities, who captures a container', async () => {
    const args = ['capture', 'docker:web', '-f', 'icmp', '-a', 'packets:4', '-w', '/tmp/web.pcapng']
    await startService(['list', '--watch'])
    const status = await run(['docker', 'exec', name, 'cat', '/proc/self/status'], { env: engine.env })
    expect(status.stdout).toMatch(/^NoNewPrivs:\s+1$/m)
    const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
    await until(
      'setpriv has become remora',
      async () => (await run(['cat', `/proc/${pid}/comm`])).stdout !== 'setpriv\n',
    )
    const own = (await run(['cat', `/proc/${pid}/status`])).stdout
    expect(own).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect([set, ...capabilitiesIn(own, set)]).toEqual([set, ...serviceCapabilities])
    }
    await engine.docker('rm', '-f', name)
    const file = join(scratch(), 'web.pcapng')
    const flags = runArguments(service, engine.socket)
    const captured = start(['docker', 'run', '--rm', ...flags, serviceImage, ...args.slice(0, -1), '-'], {
      env: engine.env,
    })
    const chunks: Buffer[] = []
    captured.child.stdout?.on('data', chunk => chunks.push(chunk))
    expect(await captured.result).toMatchObject({ status: 0 })
    writeFileSync(file, Buffer.concat(chunks))
    expect((await pingsIn(file)).length).toBeGreaterThan(0)
    await expectNoDumpcap(netns, () => true)
  })

  test('answers its health check, and captures over HTTP', async () => {
    await startService(service.command)
    const [, ...check] = service.healthcheck.test
    const healthy = async () => (await run(['docker', 'exec', name, ...check], { env: engine.env }, 5_000)).status === 0
    await until('the service is healthy', healthy)
    expect((await captureOverHttp('http://127.0.0.1:5001', 'docker:web')).length).toBeGreaterThan(4)
    await engine.docker('stop', name)
    expect(await engine.docker('inspect', '-f', '{{.State.ExitCode}}', name)).toBe('0')
    await expectNoDumpcap(netns, () => true)
  })

  test('finds the engine without its socket', async () => {
    const flags = runArguments({ ...service, volumes: [] }, engine.socket)
    expect(await engine.docker('run', '--rm', ...flags, serviceImage, 'list')).toMatch(/^web +docker/m)
  })
})

describe('the manifest for Kubernetes', () => {
  const objects = manifests()
  const kind = (wanted: string) => objects.find(object => object.kind === wanted) as Manifest
  const pod = kind('DaemonSet').spec?.template.spec

  test('keeps every object in the namespace, and gives a client ports of pods only', () => {
    for (const { kind, metadata } of objects) {
      expect([kind, metadata.namespace ?? metadata.name]).toEqual([kind, 'remora'])
    }
    expect(kind('Role').rules).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods/portforward'], verbs: ['create', 'get'] },
    ])
    expect(pod?.automountServiceAccountToken).toBe(false)
  })

  test('has no field that Kubernetes does not know', async () => {
    // kubectl(1) reads it into the types of its version and writes them out again: what they lack is lost.
    const file = join(scratch(), 'daemonset.json')
    writeFileSync(file, JSON.stringify(kind('DaemonSet')))
    const command = ['kubectl', 'set', 'image', '--local', '-f', file, 'remora=x', '-o', 'json']
    const { status, stdout, stderr } = await run(command)
    expect(status, stderr).toBe(0)
    const typed = JSON.parse(stdout)
    typed.spec.template.spec.containers[0].image = 'remora'
    expect(typed).toMatchObject(kind('DaemonSet'))
  })

  test('gives the rights that compose gives, and listens on loopback alone', () => {
    const [container] = pod?.containers ?? []
    expect(container?.securityContext.capabilities).toEqual({
      drop: composeService().cap_drop,
      add: composeService().cap_add,
    })
    expect(container?.args).toEqual(composeService().command)
    expect([pod?.hostPID, pod?.hostNetwork]).toEqual([true, undefined])
  })

  test('is a pod that Podman plays, with the rights it states', async () => {
    const podman = await startPodman()
    try {
      const podmanBuild = ['build', '--isolation', 'chroot', '--network', 'host']
      await buildServiceImage((verb = '', ...args) =>
        podman.podman(...(verb === 'build' ? podmanBuild : [verb]), ...args),
      )
      const [container] = pod?.containers ?? []
      // Podman knows no DaemonSet, and looks for an image of no registry under this name only.
      const local = { ...container, image: `localhost/${serviceImage}`, args: ['list', '--watch'] }
      const file = join(scratch(), 'pod.json')
      const spec = { ...pod, containers: [local] }
      writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'remora' }, spec }))
      await podman.podman('kube', 'play', file)
      await until('remora lists', async () => /appear/.test(await podman.podman('logs', 'remora-remora')))
      const pid = await podman.podman('inspect', '-f', '{{.State.Pid}}', 'remora-remora')
      const status = (await run(['cat', `/proc/${pid}/status`])).stdout
      expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
      expect(capabilitiesIn(status, 'CapBnd')).toEqual([...serviceCapabilities])
    } finally {
      await podman.close()
    }
  })

  test('runs: in a network of its own, where only its own loopback answers', async () => {
    const [container] = pod?.containers ?? []
    const flags = runArguments(composeService(), engine.socket)
    const own = flags.with(flags.indexOf('--network') + 1, 'bridge')
    const name = 'remora-pod'
    await engine.docker('run', '-d', '--name', name, ...own, serviceImage, ...(container?.args ?? []))
    try {
      const probe = container?.livenessProbe.exec.command ?? []
      const alive = async () => (await run(['docker', 'exec', name, ...probe], { env: engine.env }, 5_000)).status === 0
      await until('the probe succeeds', alive)
      const address = await engine.docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', name)
      await expect(curl(`http://${address}:5001/healthz`)).rejects.toThrow(/onnect/)
    } finally {
      await engine.docker('rm', '-f', name)
    }
  })
})

describe('the systemd unit', () => {
  test('is what systemd understands, and exposes little', async () => {
    const unit = join(scratch(), 'remora.service')
    writeFileSync(unit, serviceUnit({ program: executable, group: undefined }))
    const verified = await run(['systemd-analyze', 'verify', unit])
    expect([verified.status, verified.stdout, verified.stderr]).toEqual([0, '', ''])
    // Tenths of what systemd-analyze calls exposure.
    const security = ['systemd-analyze', 'security', '--offline=yes', '--threshold=29']
    const { status, stdout } = await run([...security, unit])
    expect(status, stdout).toBe(0)
    const findings: { name: string; exposure: string | null }[] = JSON.parse(
      (await run([...security, '--json=short', unit])).stdout,
    )
    const open = findings.flatMap(({ name, exposure }) => (exposure === null ? [] : `${name} ${exposure}`))
    const document =
      readFileSync('docs/internals/security.md', 'utf8').split("## The unit's exposure")[1]?.split('\n## ')[0] ?? ''
    const told = [...document.matchAll(/^\| `(.*?)` \| (0\.\d) \|/gm)].map(
      ([, name = '', points]) => `${name.replaceAll('\\|', '|')} ${points}`,
    )
    expect(told.toSorted()).toEqual(open.toSorted())
  })

  test('captures for its clients, as systemd itself confines it', async () => {
    const host = 'unix:/run/remora/remora.sock'
    const results = await boot({
      programs: [executable],
      units: {
        'remora.service': serviceUnit({ program: '/opt/remora', group: 'wireshark' }),
        'pinger.service': '[Service]\nPrivateNetwork=yes\nExecStart=/usr/bin/ping -i 0.2 127.0.0.1\n',
        // A line that fails ends those after it.
        'last.service': `[Unit]
Wants=remora.service pinger.service
After=remora.service pinger.service
[Service]
Type=oneshot
ExecStartPre=/bin/sh -c 'until test -S /run/remora/remora.sock; do sleep 0.1; done'
ExecStart=/bin/sh -c 'cat /proc/$$(systemctl show -P MainPID remora)/status'
ExecStart=/opt/remora capture process:ping --host ${host} -f icmp -a packets:4 --json -w /tmp/a.pcapng
ExecStart=/opt/remora capture process:ping --host ${host} --immediate --direction -a packets:4 --json -w /tmp/b.pcapng
ExecStart=/usr/bin/curl -sS --fail -o /tmp/topology --unix-socket /run/remora/remora.sock http://localhost/json
ExecStart=/usr/bin/grep -o '"name":"ping[^"]*"' /tmp/topology
ExecStart=/usr/bin/stat -c folder:%%a:%%G /run/remora
StandardOutput=append:/results/out
StandardError=append:/results/err
`,
      },
    })
    const out = results('out')
    expect(out, results('journal')).toMatch(/^Uid:\s+6\d{4}\s/m)
    expect(out).toMatch(/^Seccomp:\s+2$/m)
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect([set, ...capabilitiesIn(out, set)]).toEqual([set, ...serviceCapabilities])
    expect(results('err')).toBe('')
    expect(out.match(/"packets": ?[1-9]\d*/g)?.length, out).toBeGreaterThan(1)
    expect(out).toMatch(/^folder:750:wireshark$/m)
  })

  test('is planned by install --service, and by root alone performed', async () => {
    const { status, stdout } = await remora(['install', '--service', '--dry-run'])
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^write \/etc\/systemd\/system\/remora\.service$/m)])
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', executable]
    for (const command of ['install', 'uninstall']) {
      const refused = await run([...nobody, command, '--service'], { cwd: '/' })
      expect([refused.status, refused.stderr]).toEqual([4, expect.stringMatching(/FORBIDDEN: .*root/)])
    }
  })
})
