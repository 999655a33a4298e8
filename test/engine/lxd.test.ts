/** LXD, the real one. */
import { lxd } from '../../src/engine/lxd.ts'
import { until } from '../helpers/command.ts'
import { lxdImage, startLxd } from '../helpers/lxd.ts'
import { optionsOf, testEngine } from './compliance.ts'

const withPrefix = (prefix: string, pairs: Record<string, string> = {}) =>
  Object.fromEntries(Object.entries(pairs).map(([key, value]) => [prefix + key, value]))

testEngine(
  'lxd',
  async () => {
    const { socket, lxc, close } = await startLxd()
    const start = async (name: string, options: readonly string[] = []) => {
      await lxc('launch', lxdImage, name, ...options)
      return name
    }
    return {
      engine: lxd.open(socket),
      async start(name, labels, variables) {
        await start(name, [
          ...optionsOf('-c', withPrefix('user.', labels)),
          ...optionsOf('-c', withPrefix('environment.', variables)),
        ])
        const addresses = () => lxc('exec', name, '--', 'ip', 'address', 'show', 'dev', 'eth0')
        await until('it has its address', async () => (await addresses()).includes('inet 10.77.'))
        return name
      },
      stop: async name => void (await lxc('stop', '--force', name)),
      restart: async name => void (await lxc('restart', '--force', name)),
      pause: async name => void (await lxc('pause', name)),
      resume: async name => void (await lxc('start', name)),
      async startBeside(name, other) {
        const options = ['-c', 'security.privileged=true', '-c', `raw.lxc=lxc.namespace.share.net=${other}`]
        return start(name, options)
      },
      close,
    }
  },
  { pods: true, empty: true },
)
