/** `env:STAGE=test`: containers that are configured with that variable, whose value may be a secret. */
import type { ContainerScheme } from '../grammar/scheme.ts'
import { encode, pairOf } from '../grammar/value.ts'

/** A reference to containers by a variable of their environment. */
export interface EnvReference {
  readonly scheme: 'env'
  readonly key: string
  readonly value: string
}

/** The scheme. */
export const env: ContainerScheme<EnvReference> = {
  name: 'env',
  usage: [
    {
      forms: ['env:STAGE=test'],
      means: 'every container or pod with that variable in its environment',
      detail: 'as it is configured',
    },
  ],
  parse: (value, malformed) => ({ scheme: 'env', ...pairOf(value, malformed, 'env:KEY=VALUE') }),
  format: ({ key, value }) => `${key}=${value}`,
  shown(pair) {
    const equals = pair.indexOf('=')
    return equals < 0 ? undefined : `${encode(pair.slice(0, equals))}=…`
  },
  // The list of a Packetflix service has no environments.
  describes: () => false,
  match: ({ key, value }, containers) =>
    containers.filter(({ variables = [] }) => variables.includes(`${key}=${value}`)),
  meansEvery: true,
  wholePods: true,
  compares: 'environment',
}
