/**
 * The surroundings of one case, its own and taken away after it: a target with packets passing through, a line between a
 * service and its client, a small disk, and control groups that keep what is started together.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, must, type Running, run, start } from '../helpers/command.ts'
import type { Docker } from '../helpers/docker.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { type Cgroup, makeCgroup } from './cgroup.ts'

export interface Scene {
  /** What names of everything it made contain. */
  readonly id: string
  /** Packets go from its sender to its receiver, which is the target unless that is a container. */
  readonly pair: NetnsPair
  /** The service is at its receiver, the client at its sender. */
  readonly line: NetnsPair
  /** Name of the container that is the target. */
  readonly container: string | undefined
  /** References of the target and of another one. */
  readonly references: readonly [string, string]
  /** Inode of the target's network namespace. */
  readonly netns: number
  readonly engine: Docker | undefined
  readonly folder: string
  /** A file system of a few MiB: what is captured, and temporary files, are there. */
  readonly disk: string
  readonly temporary: string
  /** Where what captures tells what it does. */
  readonly log: string
  /** How the clock of the process that is struck differs from the machine's (faketime(1)). */
  readonly clock: string
  /** For what captures, and for the service. */
  readonly groups: { readonly capture: Cgroup; readonly service: Cgroup }
  /** Fails when something cannot be taken away. */
  close(): Promise<void>
}

/**
 * Makes a scene; needs root.
 * @param engine where the target shall be a container
 */
export async function makeScene(engine: Docker | undefined): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'remora-chaos-'))
  const id = folder.slice(-6)
  const disk = join(folder, 'disk')
  const temporary = join(disk, 'tmp')
  const clock = join(folder, 'clock')
  const undo: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })]
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    mkdirSync(disk)
    await must('mount', '-t', 'tmpfs', '-o', 'size=8m,nr_inodes=64', `remora-chaos-${id}`, disk)
    undo.push(() => must('umount', disk))
    mkdirSync(temporary)
    writeFileSync(clock, '+0')
    const groups = {
      capture: makeCgroup(`remora-chaos-${id}-capture`),
      service: makeCgroup(`remora-chaos-${id}-service`),
    }
    undo.push(() => Promise.all([groups.capture.close(), groups.service.close()]))
    const [pair, line] = await Promise.all([makeNetnsPair(), makeNetnsPair()])
    undo.push(() => Promise.all([pair.close(), line.close()]))
    const flow = packets(pair)
    undo.push(() => end(flow.child))
    const container = engine && `chaos-${id}`
    if (engine && container) {
      await engine.container(container, [], ['ping', '-q', '-i', '0.02', '172.17.0.1'])
      undo.push(() => engine.docker('rm', '-f', container))
    }
    return {
      ...{ id, pair, line, container, engine, folder, disk, temporary, log: join(folder, 'log'), clock, groups, close },
      references: [container ? `docker:${container}` : `named:${pair.receiver}`, `named:${pair.sender}`],
      netns: container ? await netnsOfContainer(engine, container) : statSync(`/run/netns/${pair.receiver}`).ino,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A hundred echo requests a second, with numbers. */
function packets(pair: NetnsPair): Running {
  const enter = ['nsenter', `--net=/run/netns/${pair.sender}`]
  return start([...enter, 'ping', '-q', '-i', '0.01', receiverAddress], { stdio: 'ignore' }, 180_000)
}

async function netnsOfContainer(engine: Docker | undefined, name: string): Promise<number> {
  const pid = await engine?.docker('inspect', '-f', '{{.State.Pid}}', name)
  return statSync(`/proc/${pid}/ns/net`).ino
}

/** Mounts of this scene besides those it made itself. */
export function strayMounts({ disk, id }: Scene): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.filter(line => line.includes(id) && !line.includes(` ${disk} `))
}

/** Runs a program in one of the namespaces. */
export function inNamespace(name: string, ...command: string[]): Promise<unknown> {
  return run(['nsenter', `--net=/run/netns/${name}`, ...command]).then(({ status, stderr }) => {
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
  })
}
