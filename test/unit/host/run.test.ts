import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CaptureRequest, requestOf } from '../../../src/capture/request/request.ts'
import { namedHost } from '../../../src/host/choose.ts'
import { thisMachine } from '../../../src/host/local.ts'
import { type HostRequest, runCapture } from '../../../src/host/run.ts'
import { scratch } from '../../helpers/scratch.ts'

const stopped = () => ({ lifetime: { stop: AbortSignal.abort('SIGTERM'), kill: new AbortController().signal } })
const destination = { kind: 'file', path: join(scratch(), 'file.pcapng') } as const

describe('a capture that was asked to stop before it began', () => {
  const run = (failure: unknown) =>
    runCapture(Promise.reject<HostRequest<CaptureRequest>>(failure), destination, stopped())

  it('tells of a bug', async () => {
    await expect(run(new TypeError('x is not a function'))).rejects.toThrow('x is not a function')
  })

  it('ends without a word when that is what it fails for', async () => {
    await expect(run('SIGTERM')).resolves.toBeUndefined()
  })
})

it.each([
  ['this machine', thisMachine],
  ['a service', namedHost({ host: 'unix:/nonexistent' }, {})],
])('a capture on %s that was asked to stop before it began makes no file', async (_, host) => {
  await expect(runCapture({ host, request: requestOf(['host']) }, destination, stopped())).resolves.toBeUndefined()
})
