import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { abortAfter, isAbort } from '../../../src/base/abort.ts'
import { RemoraError } from '../../../src/base/errors.ts'
import { until } from '../../helpers/command.ts'

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

describe('a deadline', () => {
  const never = new AbortController().signal
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void

  it('aborts as a time that is up', async () => {
    const signal = abortAfter(1)
    await once(signal, 'abort')
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  it('lets go of the signals that are made of it, and of those', async () => {
    const combine = () => {
      const outer = AbortSignal.any([never, abortAfter(1)])
      return [outer, AbortSignal.any([outer, abortAfter(1)])].map(signal => new WeakRef(signal))
    }
    const signals = Array.from({ length: 20 }, combine).flat()
    const kept = () => signals.filter(signal => signal.deref() !== undefined)
    await until('the signals are collected', async () => {
      collectGarbage()
      return kept().length === 0
    })
  })
})
