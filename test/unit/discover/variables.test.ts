/** Which containers are configured with a variable: engines are asked only where somebody wants to know. */
import { describe, expect, test } from 'vitest'
import { type KnownVariables, withVariables } from '../../../src/discover/variables.ts'
import type { Container, Engine } from '../../../src/engine/engine.ts'

const signal = new AbortController().signal
const environments: Record<string, string[]> = { a: ['STAGE=test', 'TOKEN=s3cret'], b: ['STAGE=other'], c: [] }

function container(id: string): Container {
  const nothing = { socket: '', prefix: '', image: '', labels: {}, addresses: [] } as const
  return { ...nothing, engine: 'docker', id, name: id, state: 'running', created: 1 }
}

function engine(environment?: Engine['environment']) {
  return { name: 'docker', address: '/run/docker.sock', ...(environment && { environment }) } as Engine
}

/** An engine, and the containers it was asked about. */
function counting() {
  const asked: string[] = []
  const environment = async (id: string) => {
    asked.push(id)
    return environments[id] ?? []
  }
  return { engine: engine(environment), asked }
}

const wanted = new Set(['STAGE=test', 'STAGE=other'])
const all = ['a', 'b', 'c'].map(container)

describe('the environments of containers', () => {
  test('are asked for once each, and only what was asked for is kept', async () => {
    const { engine: docker, asked } = counting()
    const known: KnownVariables = new Map()
    for (const containers of [all, all, all.slice(1)]) {
      const [answer] = await withVariables([{ engine: docker, containers }], wanted, signal, known)
      const found = answer?.containers.map(({ id, variables }) => [id, variables])
      expect(found).toEqual(
        [
          ['a', ['STAGE=test']],
          ['b', ['STAGE=other']],
          ['c', []],
        ].slice(-containers.length),
      )
    }
    expect(asked).toEqual(['a', 'b', 'c'])
    expect(known.size).toBe(2)
  })

  test('are not asked for of what only holds the namespaces of a pod', async () => {
    const { engine: docker, asked } = counting()
    const sandbox = { ...container('a'), pod: { name: 'p', id: 'p', sandbox: true } }
    await withVariables([{ engine: docker, containers: [sandbox, container('b')] }], wanted, signal)
    expect(asked).toEqual(['b'])
  })

  test('are not asked for where no reference wants them', async () => {
    const { engine: docker, asked } = counting()
    const answers = [{ engine: docker, containers: all }]
    expect(await withVariables(answers, new Set(), signal)).toBe(answers)
    expect(asked).toEqual([])
  })

  test('that an engine cannot tell are unknown', async () => {
    const [answer] = await withVariables([{ engine: engine(), containers: all }], wanted, signal)
    expect(answer?.containers).toEqual(all)
  })

  test('that could not be had are a failure of the engine, which keeps its containers', async () => {
    const failing = engine(async id => {
      if (id === 'b') throw new Error('no answer')
      return environments[id] ?? []
    })
    const [answer] = await withVariables([{ engine: failing, containers: all }], wanted, signal)
    expect(answer?.failure?.message).toBe('no answer')
    expect(answer?.containers.map(({ variables }) => variables)).toEqual([['STAGE=test'], undefined, []])
  })

  test('are not waited for when nobody wants them any more', async () => {
    const { engine: docker, asked } = counting()
    const answers = [{ engine: docker, containers: all }]
    await expect(withVariables(answers, wanted, AbortSignal.abort('over'))).rejects.toBe('over')
    expect(asked).toEqual([])
  })
})
