import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { exhausted, isExhaustion, RemoraError, toRemoraError } from '../../../src/base/errors.ts'
import { noteExhaustion, watchExhaustion } from '../../../src/base/exhaustion.ts'
import { logFault } from '../../../src/base/log.ts'
import { guarded, onFault, setInterval, setTimeout } from '../../../src/base/timers.ts'
import { readText } from '../../../src/linux/process/proc.ts'
import { run, until } from '../../helpers/command.ts'
import { scratch } from '../../helpers/scratch.ts'

const tooMany = Object.assign(new Error("EMFILE: too many open files, scandir '/proc'"), { code: 'EMFILE' })

describe('what is guarded', () => {
  afterEach(() => onFault(logFault))

  /** Faults told while an action runs. */
  async function faultsOf(action: () => unknown): Promise<unknown[]> {
    const faults: unknown[] = []
    onFault(fault => void faults.push(fault))
    guarded(action)()
    await new Promise(setImmediate)
    return faults
  }

  it.each([
    [
      'a fault',
      () => {
        throw new TypeError('x')
      },
    ],
    ['a fault that comes later', () => Promise.reject(new TypeError('x'))],
  ])('tells of %s, and goes on', async (_, action) => {
    expect(await faultsOf(action)).toEqual([new TypeError('x')])
  })

  it('passes over want of descriptors', async () => {
    expect(await faultsOf(() => Promise.reject(new RemoraError('FORBIDDEN', 'x', { cause: tooMany })))).toEqual([])
  })

  it('is every timer, which goes on', async () => {
    let turns = 0
    onFault(() => {})
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        if (++turns === 3) {
          clearInterval(timer)
          setTimeout(() => {
            setTimeout(resolve, 0)
            throw new Error('x')
          }, 0)
        }
        throw new Error('x')
      }, 1)
    })
    expect(turns).toBe(3)
  })
})

describe('want of descriptors', () => {
  it.each([
    ['of the system', tooMany],
    ['of memory', Object.assign(new Error('x'), { code: 'ENOMEM' })],
    ['behind another failure', new RemoraError('TARGET_NOT_FOUND', 'x', { cause: tooMany })],
    ['in our words', exhausted()],
  ])('%s', (_, error) => {
    expect(isExhaustion(error)).toBe(true)
  })

  it('is no bug', () => {
    expect(toRemoraError(tooMany)).toMatchObject({ code: 'CAPTURE_FAILED', hint: expect.stringContaining('ulimit') })
  })

  it('is seen by who looks, and by nobody who looks later', () => {
    const ranOut = watchExhaustion()
    noteExhaustion(Object.assign(new Error('x'), { code: 'ENOENT' }))
    expect(ranOut()).toBe(false)
    noteExhaustion(tooMany)
    expect([ranOut(), watchExhaustion()()]).toEqual([true, false])
  })
})

describe('what nobody has caught', () => {
  const module = (name: string) => JSON.stringify(new URL(`../../../src/base/${name}.ts`, import.meta.url).href)

  it.each([
    ['thrown', 'throw new TypeError("x\\ny")'],
    ['rejected', 'Promise.reject(new TypeError("x\\ny"))'],
  ])('and was %s ends the process and its children, with one line and its status', async (_, fault) => {
    const log = join(scratch(), 'log')
    const script = `
      import { spawn } from 'node:child_process'
      import { endWithUs } from ${module('children')}
      import { installLastResort } from ${module('last-resort')}
      installLastResort()
      const child = spawn('sleep', ['1000'])
      endWithUs(child)
      console.log(child.pid)
      setTimeout(() => { ${fault} }, 0)
      setInterval(() => {}, 1000)`
    const node = [process.execPath, '--input-type=module-typescript', '-e', script]
    const { status, stdout, stderr } = await run(node, { env: { ...process.env, REMORA_LOG_FILE: log } })
    expect(status, stderr).toBe(70)
    expect(stderr).toMatch(/^remora: BUG: x.y \(Please report .*\)\n$/)
    expect(readFileSync(log, 'utf8')).toContain('TypeError: x')
    // One that nobody waits for keeps its number, and nothing else.
    await until('the child has ended', () => (readText(`/proc/${Number(stdout)}/cmdline`) ?? '') === '')
  })

  it('does not keep a process whose work is over', async () => {
    const script = `import { endSoon } from ${module('last-resort')}; setInterval(() => {}, 1000); endSoon()`
    const { status, signal } = await run([process.execPath, '--input-type=module-typescript', '-e', script])
    expect([status, signal]).toEqual([0, null])
  })
})
