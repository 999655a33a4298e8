/**
 * What must hold after every case: how it ended is documented, what was captured can be read, nothing is left, and a service
 * serves on.
 */
import { existsSync, readdirSync } from 'node:fs'
import { type ErrorCode, errorKinds } from '../../src/base/errors.ts'
import { type Result, sleep, until } from '../helpers/command.ts'
import { remora } from '../helpers/remora.ts'
import type { Case } from './cases.ts'
import type { Ending } from './faults.ts'
import { checkFile } from './file.ts'
import { strayMounts } from './scene.ts'
import { ask, belongings, faultsIn, isServing, startService } from './service.ts'
import type { Subject } from './subjects.ts'
import type { Trial } from './trial.ts'

export interface Verdict {
  /** How the capture ended, and its service where that did not end well. */
  readonly ending: string
  /** What is not as it must be. */
  readonly problems: readonly string[]
}

/** Judges a case whose capture has ended; ends its service. */
export async function judge(one: Case, trial: Trial): Promise<Verdict> {
  const { subject, phase, fault } = one
  const { capture, service } = trial
  const expected = fault.expect(subject, phase)
  const problems: string[] = []
  const note = (what: string) => (error: Error) => void problems.push(`${what}: ${error.message}`)

  const result = await capture.result
  let ending = endingOf(result, subject)
  if (!isAllowed(ending, expected.capture)) problems.push(`the capture ended with ${ending}`)
  await nothingLeft(one, trial).catch(note('left'))
  await checkFile(one, trial, ending).catch(note('file'))
  if (service !== undefined) {
    service.running.child.kill('SIGTERM')
    const last = await Promise.race([service.running.result, sleep(15_000)])
    const how = last === undefined ? 'nothing, it runs on' : serviceEnding(last)
    if (!isAllowed(how, expected.service ?? ['well'])) problems.push(`the service ended with ${how}`)
    for (const line of faultsIn(service)) problems.push(`the service says ${line}`)
    if (how !== 'well') ending += `, the service: ${how}`
    if (how === 'SIGKILL') await beginsAnew(trial).catch(note('a new service'))
    else if (existsSync(service.socket)) problems.push('the socket of the service is left')
  }
  return { ending, problems }
}

/** How a capture ended, in the words of an {@link Ending}. */
function endingOf({ status, signal, stderr }: Result, { face }: Subject): string {
  if (signal !== null) return signal
  const documented = face === 'extcap' ? /^([A-Z_]+): (.*)\n$/ : /^remora: ([A-Z_]+): (.*)\n(?:hint: .*\n)?$/
  const [, code, message] = documented.exec(stderr) ?? []
  if (status === 0 && code === undefined && !/BUG|^ {4}at /m.test(stderr)) return 'well'
  const kind = errorKinds[code as ErrorCode]
  return kind?.exit === status ? `${code}: ${message}` : `status ${status}: ${stderr}`
}

function serviceEnding({ status, signal, stderr }: Result): string {
  if (signal !== null) return signal
  return status === 0 ? 'well' : `status ${status}: ${stderr.split('\n').slice(-3).join('\n')}`
}

function isAllowed(ending: string, allowed: readonly Ending[]): boolean {
  return allowed.some(one => (one.includes(': ') ? ending.startsWith(one) : ending === one))
}

/** Within five seconds no process, no descriptor, no file, no ticket, no mount. */
async function nothingLeft({ phase, fault }: Case, { scene, service, victim }: Trial): Promise<void> {
  const { groups, temporary } = scene
  const deadline = (fault.grace ?? 5) * 1_000
  await until('no process of the capture is left', () => groups.capture.processes().length === 0, deadline)
  if (service === undefined || !isServing(service)) {
    await until('no process of the service is left', () => groups.service.processes().length === 0, deadline)
  } else {
    await ask(service.socket, '/healthz')
    let left: Record<string, unknown> = {}
    // What was granted to a client that did not live to collect it is good for a minute.
    const tickets = phase === 'start-up' ? 1 : 0
    await until(
      'the service has nothing of it',
      async () => {
        left = await belongings(service, scene)
        const { captures, processes, files, descriptors } = left as Record<string, unknown[]>
        const isOpen = Number(left.tickets) > tickets || Number(captures) > 0
        return !isOpen && [processes, files, descriptors].every(list => list?.length === 0)
      },
      deadline,
    ).catch(error => {
      throw new Error(`${error.message}: ${JSON.stringify(left)}`)
    })
  }
  // What a process that is killed could not take away is taken away as Wireshark has it done.
  if (victim.child.signalCode === 'SIGKILL' && readdirSync(temporary).length > 0)
    await remora(['--extcap-cleanup-postkill'], { env: { TMPDIR: temporary } })
  const files = readdirSync(temporary)
  if (files.length > 0) throw new Error(`temporary files ${files.join(' ')}`)
  const mounts = strayMounts(scene)
  if (mounts.length > 0) throw new Error(`mounts ${mounts.join(' ')}`)
}

/** Where a service was killed, another one can begin. */
async function beginsAnew({ scene }: Trial): Promise<void> {
  const service = await startService(scene, { TMPDIR: scene.temporary, HOME: scene.folder })
  service.running.child.kill('SIGTERM')
  const { status, stderr } = await service.running.result
  if (status !== 0) throw new Error(`it ended with ${status}: ${stderr}`)
}
