import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCapture } from '../../../src/capture/capture.ts'
import { runRemoteCapture } from '../../../src/capture/run-remote.ts'
import { scratch } from '../../helpers/scratch.ts'

const stopped = () => ({ lifetime: { stop: AbortSignal.abort('SIGTERM'), kill: new AbortController().signal } })
const captures = [
  ['here', runCapture],
  ['elsewhere', runRemoteCapture],
] as const

describe.each(captures)('a capture %s that was asked to stop before it began', (_, start) => {
  const run = (failure: unknown) =>
    start(Promise.reject<never>(failure), { kind: 'file', path: join(scratch(), 'file.pcapng') }, stopped())

  it('tells of a bug', async () => {
    await expect(run(new TypeError('x is not a function'))).rejects.toThrow('x is not a function')
  })

  it('ends without a word when that is what it fails for', async () => {
    await expect(run('SIGTERM')).resolves.toBeUndefined()
  })
})
