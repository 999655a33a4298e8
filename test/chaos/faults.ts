/** What is done to a subject, and what may come of it. */
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { ErrorCode } from '../../src/base/errors.ts'
import { must, type Running, sleep, until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { inNamespace, type Scene } from './scene.ts'
import { addedDescriptors, isRunning, isServing } from './service.ts'
import type { Subject } from './subjects.ts'
import { askToEnd, type Trial } from './trial.ts'

export const phases = ['start-up', 'steady', 'stopping'] as const
export type Phase = (typeof phases)[number]

/** How a process may end: status 0 without complaint, by a signal, or with a failure whose message contains the text. */
export type Ending = 'well' | 'SIGKILL' | 'SIGTERM' | `${ErrorCode}: ${string}`

export interface Expectation {
  /** Whether the capture ends by itself, or goes on until it is asked to stop, with every packet. */
  readonly effect: 'ends' | 'goes on' | 'either'
  readonly capture: readonly Ending[]
  readonly service?: readonly Ending[]
}

export interface Fault {
  readonly name: string
  /** The target must be a container. */
  readonly needsEngine?: true
  /** Environment of whom it strikes. */
  readonly env?: (scene: Scene) => NodeJS.ProcessEnv
  readonly strike: (trial: Trial) => Promise<unknown> | unknown
  readonly expect: (subject: Subject, phase: Phase) => Expectation
  /** Seconds until everybody concerned has noticed; 15 unless told. */
  readonly patience?: number
  /** Seconds until nothing is left; 5 unless told. */
  readonly grace?: number
}

const goesOn: Expectation = { effect: 'goes on', capture: ['well'] }
const endsWell: Expectation = { effect: 'ends', capture: ['well'] }

/** What a client says when the service, or the way to it, has gone. */
const serviceGone: Ending = 'PEER_FAILED: '

/** What it says when it was asked to end before the capture had begun. */
const stoppedBefore: Ending = 'CAPTURE_FAILED: the capture was stopped before it began'

/** What is there to be captured may go before it was found, between two looks at it, or before dumpcap has opened it. */
const targetGone: readonly Ending[] = [
  'well',
  'TARGET_NOT_FOUND: ',
  'TARGET_STALE: ',
  'INTERFACE_NOT_FOUND: ',
  'CAPTURE_FAILED: ',
]

/** A target that goes ends the capture; of two, the other is captured on. */
function withoutTarget({ name }: Subject, phase: Phase): Expectation {
  const effect = name === 'local woven' || phase === 'start-up' ? 'either' : 'ends'
  return { effect, capture: phase === 'start-up' ? targetGone : ['well'] }
}

export const faults: readonly Fault[] = [
  {
    name: 'kill -9',
    strike: ({ victim }) => victim.child.kill('SIGKILL'),
    expect: ({ role }, phase) =>
      role === 'service'
        ? {
            effect: 'ends',
            capture: phase === 'stopping' ? ['well', serviceGone] : [serviceGone],
            service: ['SIGKILL', 'well'],
          }
        : { effect: 'ends', capture: phase === 'stopping' ? ['SIGKILL', 'well'] : ['SIGKILL'] },
  },
  {
    name: 'SIGTERM',
    strike: askToEnd,
    expect({ role }, phase) {
      if (phase !== 'start-up') return endsWell
      // Before the program is loaded nobody listens for signals; before a client has begun, there is none to tell.
      return {
        effect: 'ends',
        capture: role === 'service' ? ['well', serviceGone, stoppedBefore] : ['well', 'SIGTERM'],
      }
    },
  },
  {
    name: 'SIGSTOP for 10 s',
    async strike({ victim }) {
      victim.child.kill('SIGSTOP')
      await sleep(10_000)
      victim.child.kill('SIGCONT')
    },
    expect: () => goesOn,
  },
  {
    name: 'disk full',
    strike: ({ scene }) => fill(scene.disk),
    expect({ role, name }, phase) {
      // The service writes nothing but its pipes, which have a name for a moment.
      if (role === 'service')
        return { ...goesOn, capture: phase === 'start-up' ? ['well', 'CAPTURE_FAILED: '] : ['well'] }
      const failures: Ending[] = ['CAPTURE_FAILED: the disk is full']
      if (phase === 'stopping') failures.push('well')
      if (phase === 'start-up' && name === 'local woven')
        failures.push('CAPTURE_FAILED: cannot make a temporary folder')
      return { effect: 'ends', capture: failures }
    },
  },
  {
    name: 'fifo reader gone',
    strike: ({ reader }) => reader?.kill('SIGKILL'),
    expect: (_, phase) =>
      phase === 'start-up' ? { effect: 'ends', capture: ['well', 'CAPTURE_FAILED: nobody opened'] } : endsWell,
  },
  {
    name: 'network cut',
    strike: ({ scene }) => lose(scene, 100),
    expect({ role }, phase) {
      if (phase !== 'stopping') return { effect: 'ends', capture: [serviceGone] }
      return role === 'client' ? endsWell : { effect: 'ends', capture: ['well', serviceGone] }
    },
    // Two pings 20 s apart without an answer, on either side.
    ...{ patience: 60, grace: 60 },
  },
  {
    name: '30 % loss',
    strike: ({ scene }) => lose(scene, 30),
    expect: (_, phase) => ({ ...goesOn, capture: phase === 'start-up' ? ['well', serviceGone] : ['well'] }),
    // TCP doubles its time to wait with every loss of the same segment.
    ...{ patience: 60, grace: 60 },
  },
  {
    name: 'engine restart',
    needsEngine: true,
    strike: ({ scene }) => scene.engine?.restart(),
    expect: (_, phase) =>
      phase === 'start-up' ? { effect: 'either', capture: ['well', 'TARGET_NOT_FOUND: ', 'PEER_FAILED: '] } : goesOn,
  },
  {
    name: 'container kill',
    needsEngine: true,
    strike: ({ scene: { engine, container = '' } }) => engine?.docker('kill', container),
    expect: withoutTarget,
  },
  {
    name: 'netns removed',
    strike: ({ scene: { pair } }) => must('ip', 'netns', 'del', pair.receiver),
    expect: withoutTarget,
  },
  {
    name: 'interface renamed',
    strike: ({ scene: { pair } }) => must('ip', '-n', pair.receiver, 'link', 'set', 'b0', 'name', 'c0'),
    expect: (_, phase) => (phase === 'start-up' ? { effect: 'either', capture: targetGone } : goesOn),
  },
  clockJump('-1d'),
  clockJump('+1d'),
  {
    name: 'ulimit -n 64',
    async strike({ victim, service, subject }) {
      await limitDescriptors(victim, () => '64:64')
      if (service !== undefined && subject.role === 'service') await crowd(service.socket, 100)
    },
    // A service that can open nothing more says so, and serves on.
    expect: ({ role }, phase) =>
      role === 'service' && phase === 'start-up'
        ? { ...goesOn, capture: ['well', 'CAPTURE_FAILED: ', serviceGone] }
        : goesOn,
  },
  ...[0, 1, 2, 3, 4, 5, 6].map(fewDescriptors),
  {
    name: 'memory limit',
    strike: ({ scene: { groups }, subject }) => groups[subject.role === 'service' ? 'service' : 'capture'].squeeze(),
    // It may do with what it has; else the kernel kills the largest, which is remora, or dumpcap.
    expect: ({ role }) =>
      role === 'service'
        ? { effect: 'either', capture: ['well', serviceGone, 'CAPTURE_FAILED: '], service: ['well', 'SIGKILL'] }
        : { effect: 'either', capture: ['well', 'SIGKILL', 'CAPTURE_FAILED: '] },
  },
]

/**
 * So few descriptors more than are open. A service has them for some seconds, with a client that watches the host and many that
 * say nothing; anything else for good.
 */
function fewDescriptors(free: number): Fault {
  return {
    name: `nofile = open + ${free}`,
    async strike(trial) {
      const { victim, service, subject, scene } = trial
      const leave = () => limitDescriptors(victim, () => `${descriptorCount(victim.pid) + free}:`)
      // What node itself needs to begin is not remora's to say.
      if (subject.role !== 'service') await until('it has begun', () => existsSync(scene.log) || isOver(trial))
      if (isOver(trial)) return
      const isAsked = service === undefined || subject.role !== 'service' || !isServing(service)
      if (isAsked) return leave()
      const before = addedDescriptors(service)
      const watcher = await watchHost(service.socket)
      // It goes on following the host for a while.
      for (const kind of addedDescriptors(service)) {
        const at = before.indexOf(kind)
        if (at < 0) service.descriptors.push(kind)
        else before.splice(at, 1)
      }
      await leave()
      await crowd(service.socket, 100, 3_000)
      await limitDescriptors(victim, () => '4096:')
      const isWatching = !watcher.closed
      watcher.destroy()
      if (!isWatching && isServing(service)) throw new Error('the client that watches was left')
    },
    expect({ role }, phase) {
      if (phase !== 'start-up') return goesOn
      const failures: Ending[] = ['well', 'CAPTURE_FAILED: ', ...(role === 'local' ? [] : [serviceGone])]
      return { effect: 'either', capture: failures }
    },
  }
}

/** Sets a limit to the descriptors of a process; one that was asked to end may have ended in this moment. */
async function limitDescriptors({ pid }: Running, limit: () => string): Promise<void> {
  try {
    await must('prlimit', `--pid=${pid}`, `--nofile=${limit()}`)
  } catch (error) {
    if (isRunning(pid)) throw error
  }
}

function isOver({ victim: { child } }: Trial): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Watches the host through a service, until it has told of what is there. */
async function watchHost(socketPath: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  get({ socketPath, path: '/v1/targets/watch', agent: false }, resolve).once('error', reject)
  const answer = await promise
  answer.on('error', () => {})
  await once(answer, 'data')
  answer.resume()
  return answer
}

/** A clock that is set, as the process that is struck sees it; the machine's own stays, and so do the times of packets. */
function clockJump(difference: string): Fault {
  return {
    name: `clock ${difference}`,
    env: ({ clock }) => ({
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }),
    strike: ({ scene }) => writeFileSync(scene.clock, difference),
    expect: () => goesOn,
  }
}

/** Takes every byte and every name that is left on a file system. */
function fill(disk: string): void {
  try {
    writeFileSync(join(disk, 'filler'), Buffer.alloc(16 * 1024 * 1024))
  } catch {
    // Full.
  }
  try {
    for (let count = 0; ; count++) writeFileSync(join(disk, `filler-${count}`), '')
  } catch {
    // No more names either.
  }
}

/** Loses so many of a hundred packets between service and client, in both directions. */
async function lose({ line }: Scene, percent: number): Promise<void> {
  const rules = [
    'add table inet chaos',
    'add chain inet chaos lose { type filter hook input priority 0; }',
    `add rule inet chaos lose iif != lo ${percent < 100 ? `numgen random mod 100 < ${percent} ` : ''}drop`,
  ]
  for (const name of [line.sender, line.receiver]) await inNamespace(name, 'nft', rules.join('; '))
}

/** Keeps many connections for a while: more than the service may have. */
async function crowd(socket: string, count: number, milliseconds = 1_000): Promise<void> {
  const connections = Array.from({ length: count }, () => connect(socket).on('error', () => {}))
  await sleep(milliseconds)
  for (const connection of connections) connection.destroy()
}
