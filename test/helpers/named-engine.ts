/**
 * Resolves references beside two engines that count how often they are asked, and prints what was found. It is run in a PID
 * namespace of its own, so that the engines it finds are its own.
 */
import { printableJson } from '../../src/base/write.ts'
import { resolveTarget, resolveTargets } from '../../src/discover/resolve/resolve.ts'
import { end, start } from './command.ts'
import { fakeDocker } from './fake-docker.ts'

const { signal } = new AbortController()
const { child, pid } = start(['unshare', '--net', 'sleep', '600'])
const [docker, podman] = [await fakeDocker(), await fakeDocker()]
docker.add({ name: 'named-engine', pid })
const env = { ...docker.env, CONTAINER_HOST: podman.env.DOCKER_HOST }

/** Whether another engine is asked, for a reference of the container. */
async function isOtherAsked(reference: string): Promise<boolean> {
  const before = podman.asked()
  const { name, namespace } = await resolveTarget(reference, { signal, env })
  namespace.close()
  if (name !== 'named-engine') throw new Error(`${reference} is ${name}`)
  return podman.asked() > before
}

/** How often the engine was asked when the namespace of a process was open, and when all was done. */
async function askedAround(): Promise<number[]> {
  const before = docker.asked()
  const asked: number[] = []
  const onOpen = () => asked.push(docker.asked() - before)
  const [target] = await resolveTargets([`pid:${pid}`], { signal, env: docker.env, onOpen })
  target?.namespace.close()
  return [...asked, docker.asked() - before]
}

try {
  const [named, unnamed] = [await isOtherAsked('docker:named-engine'), await isOtherAsked('container:named-engine')]
  process.stdout.write(printableJson({ named, unnamed, around: await askedAround() }))
} finally {
  docker.close()
  podman.close()
  await end(child)
}
