/** `pid:1234`: the network namespace of a process. */
import { openProcessNamespace } from '../../../linux/namespace/netns.ts'
import { readCommand } from '../../../linux/process/proc.ts'
import type { PidReference } from '../../../reference/schemes/pid.ts'
import { type Opener, ofProcess } from './opener.ts'

/** Opens the namespace of the process. */
export const openPid: Opener<PidReference> = ({ pid, startTime }) => [
  ofProcess(openProcessNamespace(pid, { startTime }), readCommand(pid)),
]
