import { expect, test } from 'vitest'
import { parseCgroup } from '../../../src/engine/cgroup.ts'

const id = 'ab'.repeat(32)
const other = '12'.repeat(32)

test.each<[string, { engine: string; id: string } | undefined]>([
  [`0::/docker/${id}`, { engine: 'docker', id }],
  [`0::/system.slice/docker-${id}.scope`, { engine: 'docker', id }],
  [`12:memory:/docker/${id}\n0::/`, { engine: 'docker', id }],
  [`0::/machine.slice/libpod-${id}.scope/container`, { engine: 'podman', id }],
  [`5:pids:/libpod_parent/libpod-${id}`, { engine: 'podman', id }],
  [`5:pids:/libpod_parent/${other}/libpod-${id}`, { engine: 'podman', id }],
  [`0::/machine.slice/libpod-conmon-${id}.scope`, undefined],
  [`5:pids:/libpod_parent/${id}/conmon`, undefined],
  [`5:pids:/libpod_parent/conmon`, undefined],
  [`0::/own.slice/${id}/conmon`, undefined],
  [`0::/docker/${other}/libpod_parent/${id}/conmon`, { engine: 'docker', id: other }],
  [`3:cpu:/k8s.io/${id}`, { engine: 'cri', id }],
  [`0::/kubepods/besteffort/pod6b2f3c9e-0000-4000-8000-000000000000/${id}`, { engine: 'cri', id }],
  [`0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, { engine: 'cri', id }],
  [`0::/kubepods.slice/kubepods-pod1.slice/crio-${id}.scope`, { engine: 'cri', id }],
  [`0::/system.slice/containerd.service/kubepods-burstable-podx.slice:cri-containerd:${id}`, { engine: 'cri', id }],
  [`0::/default/${id}`, { engine: 'containerd', id }],
  [`0::/system.slice/nerdctl-${id}.scope`, { engine: 'containerd', id }],
  ['0::/lxc.payload.web', { engine: 'lxc', id: 'web' }],
  ['0::/lxc.monitor.web', undefined],
  ['0::/machine.slice/systemd-nspawn@web.service/payload', { engine: 'nspawn', id: 'web' }],
  ['0::/machine.slice/machine-my\\x2dweb.scope', { engine: 'nspawn', id: 'my-web' }],
  ['0::/machine.slice/machine-qemu\\x2d1.scope', undefined],
  // An engine in a container: the inner one counts.
  [`0::/docker/${other}/docker/${id}`, { engine: 'docker', id }],
  [`0::/docker/${other}/system.slice/containerd.service`, { engine: 'docker', id: other }],
  ['0::/user.slice/user-1000.slice/session-2.scope', undefined],
  ['0::/docker/abc', undefined],
  [`0::/a:b/docker/${id}`, { engine: 'docker', id }],
  ['', undefined],
  ['garbage', undefined],
])('%j', (text, expected) => {
  expect(parseCgroup(text)).toEqual(expected)
})
