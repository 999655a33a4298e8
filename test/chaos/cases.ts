/** The table of cases: every subject in every phase with every fault, but for what makes no sense, and why it makes none. */
import { type Fault, faults, type Phase, phases } from './faults.ts'
import { type Subject, subjects } from './subjects.ts'

export interface Case {
  /** `subject / phase / fault` */
  readonly name: string
  readonly subject: Subject
  readonly phase: Phase
  readonly fault: Fault
}

interface Exclusion {
  readonly fault: string | RegExp
  readonly subject: (subject: Subject) => boolean
  readonly reason: string
}

const exclusions: readonly Exclusion[] = [
  {
    fault: /^(?!nofile)/,
    subject: ({ name }) => name === 'local follow' || name === 'local wait',
    reason: 'it is woven like that of two targets; what it does beside that is to look at the host',
  },
  { fault: 'disk full', subject: ({ output }) => output === 'fifo', reason: 'what it writes goes to no disk' },
  {
    fault: 'fifo reader gone',
    subject: ({ output }) => output === 'file',
    reason: 'a file has no reader; that of a service is its client, which is killed there',
  },
  { fault: 'network cut', subject: ({ role }) => role === 'local', reason: 'nothing of it goes over a network' },
  { fault: '30 % loss', subject: ({ role }) => role === 'local', reason: 'nothing of it goes over a network' },
]

const all: readonly Case[] = subjects.flatMap(subject =>
  phases.flatMap(phase =>
    faults.map(fault => ({ name: `${subject.name} / ${phase} / ${fault.name}`, subject, phase, fault })),
  ),
)

function reasonAgainst({ subject, fault }: Case): string | undefined {
  const isMeant = ({ fault: name }: Exclusion) =>
    typeof name === 'string' ? name === fault.name : name.test(fault.name)
  return exclusions.find(one => isMeant(one) && one.subject(subject))?.reason
}

/** Cases to run. */
export const cases: readonly Case[] = all.filter(one => reasonAgainst(one) === undefined)

/** Names of those that make no sense, with the reason. */
export const leftOut: readonly (readonly [name: string, reason: string])[] = all.flatMap(one => {
  const reason = reasonAgainst(one)
  return reason === undefined ? [] : [[one.name, reason] as const]
})
