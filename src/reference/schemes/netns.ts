/** `netns:4026532573`: the network namespace with that inode. */
import type { Scheme } from '../grammar/scheme.ts'

/** A reference to a namespace by its inode (nsfs). */
export interface NetnsReference {
  readonly scheme: 'netns'
  readonly inode: number
}

/** The scheme. */
export const netns: Scheme<NetnsReference> = {
  name: 'netns',
  usage: [{ forms: ['netns:4026532573'], means: 'the network namespace with that inode' }],
  parse(value, malformed) {
    if (!/^[1-9]\d{0,14}$/.test(value)) throw malformed('expected netns:INODE, as ls -Li /proc/PID/ns/net prints it')
    return { scheme: 'netns', inode: Number(value) }
  },
  format: ({ inode }) => String(inode),
  describes: ({ inode }, target) => target.netns === inode,
}
