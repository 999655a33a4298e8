/** A reference that names its engine: no other is asked, neither for the target nor for names of addresses. */
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveTarget, resolveTargets } from '../../src/discover/resolve.ts'
import { end, start } from '../helpers/command.ts'
import { type FakeDocker, fakeDocker } from '../helpers/fake-docker.ts'

const { signal } = new AbortController()
let [docker, podman]: FakeDocker[] = []
let inside: ChildProcess | undefined
beforeAll(async () => {
  const started = start(['unshare', '--net', 'sleep', '600'])
  inside = started.child
  ;[docker, podman] = [await fakeDocker(), await fakeDocker()]
  docker.add({ name: 'named-engine', pid: started.pid })
})
afterAll(async () => {
  docker?.close()
  podman?.close()
  if (inside !== undefined) await end(inside)
})

test.each([
  ['docker:named-engine', false],
  ['container:named-engine', true],
])('%s', async (reference, isAsked) => {
  const env = { ...docker?.env, CONTAINER_HOST: podman?.env.DOCKER_HOST }
  const before = podman?.asked() ?? 0
  const { name, namespace } = await resolveTarget(reference, { signal, env })
  namespace.close()
  expect(name).toBe('named-engine')
  expect((podman?.asked() ?? 0) > before).toBe(isAsked)
})

test('what needs no engine is looked into before any is asked for names', async () => {
  const before = docker?.asked() ?? 0
  const asked: number[] = []
  const onOpen = () => asked.push((docker?.asked() ?? 0) - before)
  const env = { ...docker?.env }
  const [target] = await resolveTargets([`pid:${inside?.pid}`], { signal, env, onOpen })
  target?.namespace.close()
  expect([...asked, (docker?.asked() ?? 0) - before]).toEqual([0, 1])
})
