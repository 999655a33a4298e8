/** Docker, the real one. */
import { dockerEngine } from '../../src/engine/docker.ts'
import { image, startDocker } from '../helpers/docker.ts'
import { optionsOf, testEngine } from './compliance.ts'

testEngine(
  'docker',
  async () => {
    const { socket, docker, container, close } = await startDocker()
    return {
      engine: dockerEngine(socket),
      start: (name, labels, variables) =>
        container(name, optionsOf('--label', labels).concat(optionsOf('-e', variables))),
      stop: async name => void (await docker('stop', name)),
      restart: async name => void (await docker('restart', name)),
      pause: async name => void (await docker('pause', name)),
      resume: async name => void (await docker('unpause', name)),
      startBeside: (name, other) => docker('run', '-d', '--name', name, '--network', `container:${other}`, image),
      close,
    }
  },
  // Before API 1.43 containers have none; of later ones the list tells them.
  { pods: true, annotations: true },
)
