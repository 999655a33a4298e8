/** `file:/run/docker/netns/abc`: a namespace that is mounted, or a link of /proc to one. */
import { isMountAt } from '../grammar/mounts.ts'
import type { Scheme } from '../grammar/scheme.ts'

/** A reference to a namespace by the path of a file. */
export interface FileReference {
  readonly scheme: 'file'
  readonly path: string
}

/** The scheme. */
export const file: Scheme<FileReference> = {
  name: 'file',
  usage: [
    {
      forms: ['file:/run/docker/netns/abc'],
      means: 'a network namespace by the path of a mount or a link',
      detail: 'such as `/proc/1/task/7/ns/net`',
    },
  ],
  parse(value, malformed) {
    if (!value.startsWith('/') || value.includes('\0')) throw malformed('expected an absolute path')
    return { scheme: 'file', path: value }
  },
  format: ({ path }) => path,
  describes: ({ path }, target) => isMountAt(target, path),
}
