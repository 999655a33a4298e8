/** `pid:1234`, `pid:1234@918273`: the network namespace of a process. */
import type { Scheme } from '../grammar/scheme.ts'

/** A reference to a process. */
export interface PidReference {
  readonly scheme: 'pid'
  readonly pid: number
  /** Clock ticks since boot (proc_pid_stat(5), field 22); a process that started at another time is not meant. */
  readonly startTime?: number
}

/** The scheme. */
export const pid: Scheme<PidReference> = {
  name: 'pid',
  usage: [
    { forms: ['pid:1234'], means: 'the network namespace of a process' },
    {
      forms: ['pid:1234@918273'],
      means: 'the same, if the process started at that time',
      detail: 'clock ticks since boot, field 22 of `/proc/PID/stat`',
    },
  ],
  parse(value, malformed) {
    const [, number, startTime] = /^(\d{1,10})(?:@(\d{1,15}))?$/.exec(value) ?? []
    if (number === undefined || Number(number) === 0) throw malformed('expected pid:NUMBER or pid:NUMBER@STARTTIME')
    return { scheme: 'pid', pid: Number(number), ...(startTime !== undefined && { startTime: Number(startTime) }) }
  },
  format: reference => `${reference.pid}${reference.startTime === undefined ? '' : `@${reference.startTime}`}`,
  describes: (reference, target) =>
    target.pid === reference.pid && (reference.startTime === undefined || target.starttime === reference.startTime),
}
