/** Podman, the real one, as root. */
import { podmanEngine } from '../../src/engine/podman.ts'
import { podmanImage, startPodman } from '../helpers/podman.ts'
import { optionsOf, testEngine } from './compliance.ts'

testEngine(
  'podman',
  async () => {
    const { socket, podman, close } = await startPodman()
    const start = (name: string, options: readonly string[]) =>
      podman('run', '-d', '--name', name, ...options, podmanImage)
    return {
      engine: podmanEngine(socket),
      start: (name, labels, variables, annotations) =>
        start(name, [
          ...optionsOf('--label', labels),
          ...optionsOf('-e', variables),
          ...optionsOf('--annotation', annotations),
        ]),
      stop: async name => void (await podman('stop', '-t', '0', name)),
      restart: async name => void (await podman('restart', '-t', '0', name)),
      pause: async name => void (await podman('pause', name)),
      resume: async name => void (await podman('unpause', name)),
      startBeside: (name, other) => start(name, ['--network', `container:${other}`]),
      async startPod(pod, names) {
        await podman('pod', 'create', '--name', pod)
        for (const name of names) await start(name, ['--pod', pod])
      },
      close,
    }
  },
  { id: true },
)
