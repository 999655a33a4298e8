/** A reference that names its engine: no other is asked, neither for the target nor for names of addresses. */
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveTarget } from '../../src/discover/resolve.ts'
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
