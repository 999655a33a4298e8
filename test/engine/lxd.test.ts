/** LXD, the real one. */
import { expect, test } from 'vitest'
import { discover } from '../../src/discover/list/discover.ts'
import { lxd } from '../../src/engine/lxd.ts'
import { tracesEngine } from '../../src/engine/traces.ts'
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
  { pods: true, empty: true, annotations: true },
)

test('a container is listed once, by its engine, and is known by its monitor while the engine is silent', async () => {
  const { socket, lxc, close } = await startLxd()
  const [name, inProject] = [`once${process.pid}`, `lab${process.pid}`]
  try {
    await lxc('project', 'create', 'dev', '-c', 'features.images=false', '-c', 'features.profiles=false')
    await lxc('launch', lxdImage, name)
    await lxc('launch', lxdImage, inProject, '--project', 'dev')
    const signal = AbortSignal.timeout(20_000)
    const named = (one: { readonly name: string }) => one.name === name || one.name === `dev/${inProject}`
    const { targets } = await discover({ signal, interfaces: false, env: { LXD_SOCKET: socket } })
    const listed = targets.filter(({ container }) => [name, `dev_${inProject}`].includes(container?.id ?? ''))
    expect(listed.map(({ reference }) => reference).sort()).toEqual([`lxd:${name}`, `lxd:dev/${inProject}`].sort())
    const traces = (await tracesEngine().containers(signal)).filter(named)
    expect(traces.map(({ engine, id }) => [engine, id]).sort()).toEqual(
      [
        ['lxd', name],
        ['lxd', `dev_${inProject}`],
      ].sort(),
    )
    await lxc('delete', '--force', inProject, '--project', 'dev')
  } finally {
    await close()
  }
})
