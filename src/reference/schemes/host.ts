/** `host`: the network of this host. */
import type { Scheme } from '../grammar/scheme.ts'

/** A reference to the host itself. */
export interface HostReference {
  readonly scheme: 'host'
}

/** The scheme. */
export const host: Scheme<HostReference> = {
  name: 'host',
  usage: [
    {
      forms: ['host'],
      means: 'the network of this host',
      detail: "that of process 1; where nobody may look at it, of process 2, else one's own",
    },
  ],
  parse(value, malformed) {
    if (value !== '') throw malformed('host takes no value')
    return { scheme: 'host' }
  },
  format: () => '',
  isAlone: true,
  describes: (_reference, { type, prefix, name }) => type === 'proc' && prefix === '' && /\(1\)$/.test(name),
}
