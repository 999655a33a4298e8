/** `named:blue`: a namespace that `ip netns` gave a name, ip-netns(8). */
import { isMountAt } from '../grammar/mounts.ts'
import type { Scheme } from '../grammar/scheme.ts'

/** A reference to a namespace by its name. */
export interface NamedReference {
  readonly scheme: 'named'
  readonly name: string
}

/** The scheme. */
export const named: Scheme<NamedReference> = {
  name: 'named',
  usage: [
    {
      forms: ['named:blue'],
      means: 'a network namespace by name',
      detail: '`/run/netns/blue`, as `ip netns` names them',
    },
  ],
  parse(value, malformed) {
    if (value === '' || value === '.' || value === '..' || /[/\0]/.test(value)) {
      throw malformed('expected the name of a file in /run/netns')
    }
    return { scheme: 'named', name: value }
  },
  format: ({ name }) => name,
  describes: ({ name }, target) =>
    ['/run/netns', '/var/run/netns'].some(folder => isMountAt(target, `${folder}/${name}`)),
}
