/** `file:/run/docker/netns/abc`: a namespace that is mounted, or a link of /proc to one. */
import type { FileReference } from '../../../reference/schemes/file.ts'
import { type Opener, openMount } from './opener.ts'

/** Opens the namespace at the path. */
export const openFile: Opener<FileReference> = reference => [openMount(reference, reference.path)]
