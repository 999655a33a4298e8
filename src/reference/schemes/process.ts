/** `process:nginx`: a process of that command name with a network namespace of its own. */
import type { Scheme } from '../grammar/scheme.ts'
import { required } from '../grammar/value.ts'

/** A reference to processes by their command name. */
export interface ProcessReference {
  readonly scheme: 'process'
  readonly command: string
}

/** The scheme. */
export const process: Scheme<ProcessReference> = {
  name: 'process',
  usage: [{ forms: ['process:nginx'], means: 'a process with a network namespace of its own, by command name' }],
  parse: (value, malformed) => ({ scheme: 'process', command: required(value, malformed, 'a command name') }),
  format: ({ command }) => command,
  describes: ({ command }, { type, name }) => type === 'proc' && name.replace(/\(\d+\)$/, '') === command,
}
