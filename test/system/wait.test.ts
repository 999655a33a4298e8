/** Several references that are waited for, each for itself. */
import { chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CaptureReport } from '../../src/capture/request/report.ts'
import { type CaptureRequest, requestOf } from '../../src/capture/request/request.ts'
import { thisMachine } from '../../src/host/local.ts'
import { runCapture } from '../../src/host/run.ts'
import { end, must, type Running, start, until } from '../helpers/command.ts'
import { type FakeDocker, fakeDocker } from '../helpers/fake-docker.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let docker: FakeDocker
let stop: AbortController
const started: Running[] = []
beforeEach(async () => {
  docker = await fakeDocker()
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort('over')
  docker.close()
  for (const { child } of started.splice(0)) await end(child)
})

/** A process in a namespace of its own whose interface is up, and its number. */
async function living(): Promise<number> {
  const running = start(['unshare', '--net', 'sh', '-c', 'ip link set lo up && echo up >&2 && exec sleep 1000'])
  started.push(running)
  await until('it lives', () => running.stderr().includes('up'))
  return running.pid
}

interface Waiting {
  readonly result: Promise<CaptureReport | undefined>
  /** How often a part of it was armed. */
  readonly armed: () => number
}

function waitFor(...targets: string[]): Waiting {
  return waitAs({}, targets)
}

function waitAs(asked: Partial<CaptureRequest>, targets: readonly string[]): Waiting {
  let armed = 0
  const request = { ...requestOf(targets), wait: {}, names: false, ...asked }
  const result = runCapture(
    { host: thisMachine, request },
    { kind: 'file', path: join(scratch(), 'file.pcapng') },
    {
      lifetime: { stop: stop.signal, kill: new AbortController().signal },
      env: docker.env,
      onArmed() {
        armed++
      },
    },
  )
  result.catch(() => {})
  return { result, armed: () => armed }
}

test('a label that two containers have already does not stand for another reference', async () => {
  docker.add({ name: `rt-a-${process.pid}`, pid: await living(), labels: { rtwait: 'web' } })
  docker.add({ name: `rt-b-${process.pid}`, pid: await living(), labels: { rtwait: 'web' } })
  const { result, armed } = waitFor('label:rtwait=web', `docker:rt-db-${process.pid}`)
  await until('the first two are captured', () => armed() > 0)
  docker.add({ name: `rt-db-${process.pid}`, pid: await living() })
  await until('the third joins', () => armed() > 1, 15_000)
  stop.abort('over')
  expect((await result)?.lives).toBe(3)
})

test('the only target of a label ends with its stop condition', async () => {
  const pid = await living()
  docker.add({ name: `rt-one-${process.pid}`, pid, labels: { rtone: 'web' } })
  const { result, armed } = waitAs({ stop: { packets: 1 } }, ['label:rtone=web'])
  await until('it is captured', () => armed() > 0)
  await must('nsenter', `--net=/proc/${pid}/ns/net`, 'ping', '-c', '3', '-i', '0.2', '127.0.0.1')
  expect(await result).toMatchObject({ end: 'stop-condition', packets: 1 })
})

test('two references to one namespace are both served by it, and the capture ends with it', async () => {
  const name = `rt-w-${process.pid}`
  await must('ip', 'netns', 'add', name)
  await must('ip', '-n', name, 'link', 'set', 'lo', 'up')
  const { result, armed } = waitFor(`named:${name}`, `file:/run/netns/${name}`)
  await until('it is captured', () => armed() > 0)
  await must('ip', 'netns', 'del', name)
  expect(await result).toMatchObject({ end: 'target-gone' })
})

test('a reference that turns out to mean what is captured already is waited for no longer', async () => {
  const pid = await living()
  const { result, armed } = waitFor(`pid:${pid}`, `docker:rt-late-${process.pid}`)
  await until('the process is captured', () => armed() > 0)
  docker.add({ name: `rt-late-${process.pid}`, pid })
  // The second look begins when the first is over.
  const before = docker.asked()
  await until('it is found', () => {
    docker.tell()
    return docker.asked() > before + 1
  })
  for (const { child } of started.splice(0)) await end(child)
  expect(await result).toMatchObject({ end: 'target-gone' })
})

test('a variable of an environment is waited for, and each container is asked for its own once', async () => {
  docker.add({ name: `rt-other-${process.pid}`, pid: await living(), variables: ['RTSTAGE=other'] })
  const { result, armed } = waitFor('env:RTSTAGE=te%20st')
  await until('it was looked for more than once', () => docker.asked() > 2, 15_000)
  expect(docker.inspected()).toBe(1)
  docker.add({ name: `rt-env-${process.pid}`, pid: await living(), variables: ['A=1', 'RTSTAGE=te st'] })
  await until('it is captured', () => armed() > 0, 15_000)
  stop.abort('over')
  expect(await result).toMatchObject({ reference: `docker:rt-env-${process.pid}` })
})

test('a plain user waits beside an engine that he may not ask, and is told', async () => {
  const { DOCKER_HOST = '' } = docker.env
  const socket = DOCKER_HOST.replace('unix://', '')
  chmodSync(dirname(socket), 0o755)
  chmodSync(socket, 0o600)
  // Without the engines and processes of this machine.
  const alone = ['unshare', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc']
  const hidden = ['sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh']
  const user = ['setpriv', '--reuid=64001', '--regid=64001', '--clear-groups', '--']
  const args = ['capture', '--wait', 'docker:mine', '-w', '/dev/null']
  const capture = start([...alone, ...hidden, ...user, executable, ...args], { env: environment({ DOCKER_HOST }) })
  started.push(capture)
  const warning = /^warning: cannot look for docker:mine: this user may not use .*\n$/
  await until('he is told', () => warning.test(capture.stderr()), 15_000)
  expect(capture.child.exitCode).toBeNull()
})
