/** One case: a subject is brought to a phase, struck, and seen to its end. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { end, must, type Running, sleep, start, until } from '../helpers/command.ts'
import type { Docker } from '../helpers/docker.ts'
import type { Random } from '../helpers/random.ts'
import { environment, executable } from '../helpers/remora.ts'
import type { Case } from './cases.ts'
import { judge, type Verdict } from './oracle.ts'
import { drawFrom } from './random.ts'
import { makeScene, type Scene } from './scene.ts'
import { ask, isServing, type Service, startService } from './service.ts'
import type { Subject } from './subjects.ts'

/** What is struck, and what is around it. */
export interface Trial {
  readonly subject: Subject
  readonly scene: Scene
  /** What captures: by itself, or through the service. */
  readonly capture: Running
  readonly service: Service | undefined
  /** Whom a signal or a limit is for. */
  readonly victim: Running
  /** What reads the fifo, as Wireshark does. */
  readonly reader: ChildProcess | undefined
  /** Where the packets end up. */
  readonly file: string
}

/** Milliseconds within which a strike comes. */
const windows = { 'start-up': 400, steady: 300, stopping: 400 } as const

/**
 * Runs a case.
 * @param engine where the target shall be a container
 */
export async function runCase(one: Case, seed: number, engine: Promise<Docker> | undefined): Promise<Verdict> {
  const problems: string[] = []
  let ending = ''
  let scene: Scene | undefined
  try {
    scene = await makeScene(await engine)
    const trial = await begin(one, scene)
    problems.push(...(await endure(one, trial, drawFrom(seed, one.name))))
    const verdict = await judge(one, trial)
    ending = verdict.ending
    problems.push(...verdict.problems)
  } catch (error) {
    problems.push((error as Error).message)
  }
  if (problems.length > 0 && scene !== undefined) problems.push(...lastWords(scene))
  await scene?.close().catch(error => problems.push(`not taken away: ${error.message}`))
  return { ending, problems }
}

/** The end of the log of what captured. */
function lastWords({ log }: Scene): string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-4, -1) : []
}

async function begin({ subject, fault }: Case, scene: Scene): Promise<Trial> {
  const env = { TMPDIR: scene.temporary, HOME: scene.folder, REMORA_LOG_FILE: scene.log }
  const struck = { ...env, ...fault.env?.(scene) }
  const service =
    subject.role === 'local' ? undefined : await startService(scene, subject.role === 'service' ? struck : env)
  const isFifo = subject.output === 'fifo'
  // Where the service is struck, its disk is not that of its client.
  const output = join(
    isFifo || subject.role === 'service' ? scene.folder : scene.disk,
    isFifo ? 'fifo' : 'packets.pcapng',
  )
  const file = isFifo ? join(scene.folder, 'read.pcapng') : output
  const reader = isFifo ? await startReader(output, file) : undefined
  const { references, netns } = scene
  const { address = '', token = '' } = service ?? {}
  const place = service === undefined ? [] : ['nsenter', `--net=/run/netns/${scene.line.sender}`]
  const capture = start(
    [
      ...scene.groups.capture.enter,
      ...place,
      executable,
      ...subject.args({ references, netns, output, address, token }),
    ],
    { env: environment(subject.role === 'service' ? env : struck) },
    180_000,
  )
  const victim = subject.role === 'service' && service !== undefined ? service.running : capture
  return { subject, scene, capture, service, victim, reader, file }
}

async function startReader(fifo: string, file: string): Promise<ChildProcess> {
  await must('mkfifo', fifo)
  return start(['sh', '-c', 'exec cat "$0" >"$1"', fifo, file], { stdio: 'ignore' }, 180_000).child
}

/** From the phase of the strike to the end of the capture. */
async function endure({ fault, phase, subject }: Case, trial: Trial, random: Random): Promise<string[]> {
  const { capture, service } = trial
  const { effect } = fault.expect(subject, phase)
  const over = capture.result
  const patience = (fault.patience ?? 15) * 1_000
  const isOver = () => capture.child.exitCode !== null || capture.child.signalCode !== null
  if (phase !== 'start-up') await flowing(trial)
  if (phase === 'stopping') askToEnd(trial)
  await sleep(random.below(windows[phase]))
  await fault.strike(trial)
  const before = sizeOf(trial)
  if (phase !== 'stopping' && effect !== 'ends') {
    await until('packets come, or it has ended', () => isOver() || sizeOf(trial) > before + 4_000, patience).catch(
      error => {
        if (effect === 'goes on') throw error
      },
    )
    if (effect === 'goes on' && phase === 'steady' && isOver()) return ['it ended by itself']
    if (service !== undefined && isServing(service)) await ask(service.socket, '/healthz')
    capture.child.kill('SIGTERM')
  }
  const ended = await Promise.race([over, sleep(patience)])
  if (ended !== undefined) return []
  await end(capture.child)
  return [`it ran on for ${patience / 1_000} s after the strike`]
}

/** Asks what is struck to end. */
export function askToEnd({ victim, service }: Trial): void {
  if (service?.running === victim) service.isAsked = true
  victim.child.kill('SIGTERM')
}

async function flowing(trial: Trial): Promise<void> {
  await until('packets come', () => sizeOf(trial) > 6_000, 20_000).catch(error => {
    throw new Error(`${error.message}: ${trial.capture.stderr()}`)
  })
}

/** Bytes captured so far. */
function sizeOf({ file }: Trial): number {
  const path = [`${file}.partial`, file].find(existsSync)
  return path === undefined ? 0 : statSync(path).size
}
