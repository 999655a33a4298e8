import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { isAbort } from '../../../src/base/abort.ts'
import { RemoraError } from '../../../src/base/errors.ts'

const failureOf = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error)

describe('what is an abort', () => {
  it.each([
    ['its reason, an error of ours', AbortSignal.abort(), (signal: AbortSignal) => signal.reason],
    ['its reason, a name of a signal', AbortSignal.abort('SIGTERM'), (signal: AbortSignal) => signal.reason],
    [
      'the AbortError of node',
      AbortSignal.abort('SIGTERM'),
      (signal: AbortSignal) => failureOf(sleep(1, undefined, { signal })),
    ],
    [
      'the reason of a signal that follows it',
      AbortSignal.abort('SIGTERM'),
      (signal: AbortSignal) => AbortSignal.any([signal, new AbortController().signal]).reason,
    ],
  ])('%s', async (_, signal, make) => {
    expect(isAbort(await make(signal), signal)).toBe(true)
  })

  it.each([
    ['a bug', new TypeError('x is not a function')],
    ['a failure', new RemoraError('CAPTURE_FAILED', 'x')],
    ['a time that is up', new DOMException('x', 'TimeoutError')],
    ['nothing', undefined],
  ])('not %s, though it has aborted', (_, thrown) => {
    expect(isAbort(thrown, AbortSignal.abort('SIGTERM'))).toBe(false)
  })

  it('nothing, while the signal has not aborted', () => {
    expect(isAbort(new DOMException('x', 'AbortError'), new AbortController().signal)).toBe(false)
  })
})
