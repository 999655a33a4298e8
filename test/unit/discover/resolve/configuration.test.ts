/** Which containers are configured with a variable or annotation: engines are asked only where somebody wants to know. */
import { describe, expect, test } from 'vitest'
import { type KnownConfigurations, withConfiguration } from '../../../../src/discover/resolve/configuration.ts'
import type { Configuration, Container, Engine } from '../../../../src/engine/engine.ts'

const signal = new AbortController().signal
const nothing: Configuration = { environment: [], annotations: {} }
const configurations: Record<string, Configuration> = {
  a: { environment: ['STAGE=test', 'TOKEN=s3cret'], annotations: { team: 'shop', note: 'of another kind' } },
  b: { environment: ['STAGE=other'], annotations: { team: 'post' } },
}

function container(id: string): Container {
  const empty = { socket: '', prefix: '', image: '', labels: {}, addresses: [] } as const
  return { ...empty, engine: 'docker', id, name: id, state: 'running', created: 1 }
}

function engine(configuration?: Engine['configuration']) {
  return { name: 'docker', address: '/run/docker.sock', ...(configuration && { configuration }) } as Engine
}

/** An engine, and the containers it was asked about. */
function counting() {
  const asked: string[] = []
  const configuration = async (id: string) => {
    asked.push(id)
    return configurations[id] ?? nothing
  }
  return { engine: engine(configuration), asked }
}

const wanted = { environment: new Set(['STAGE=test', 'STAGE=other']), annotations: new Set(['team=shop']) }
const all = ['a', 'b', 'c'].map(container)

describe('the configurations of containers', () => {
  test('are asked for once each, and only what was asked for is kept', async () => {
    const { engine: docker, asked } = counting()
    const known: KnownConfigurations = new Map()
    for (const containers of [all, all, all.slice(1)]) {
      const [answer] = await withConfiguration([{ engine: docker, containers }], wanted, signal, known)
      const found = answer?.containers.map(({ id, variables, annotations }) => [id, variables, annotations])
      expect(found).toEqual(
        [
          ['a', ['STAGE=test'], { team: 'shop' }],
          ['b', ['STAGE=other'], {}],
          ['c', [], {}],
        ].slice(-containers.length),
      )
    }
    expect(asked).toEqual(['a', 'b', 'c'])
    expect(known.size).toBe(2)
  })

  test('are not asked for of what only holds the namespaces of a pod', async () => {
    const { engine: docker, asked } = counting()
    const sandbox = { ...container('a'), pod: { name: 'p', id: 'p', sandbox: true } }
    await withConfiguration([{ engine: docker, containers: [sandbox, container('b')] }], wanted, signal)
    expect(asked).toEqual(['b'])
  })

  test('are not asked for where no reference wants them', async () => {
    const { engine: docker, asked } = counting()
    const answers = [{ engine: docker, containers: all }]
    expect(await withConfiguration(answers, { environment: new Set(), annotations: new Set() }, signal)).toBe(answers)
    expect(asked).toEqual([])
  })

  test('that an engine cannot tell are unknown', async () => {
    const [answer] = await withConfiguration([{ engine: engine(), containers: all }], wanted, signal)
    expect(answer?.containers).toEqual(all)
  })

  test('that could not be had are a failure of the engine, which keeps its containers', async () => {
    const failing = engine(async id => {
      if (id === 'b') throw new Error('no answer')
      return configurations[id] ?? nothing
    })
    const [answer] = await withConfiguration([{ engine: failing, containers: all }], wanted, signal)
    expect(answer?.failure?.message).toBe('no answer')
    expect(answer?.containers.map(({ variables }) => variables)).toEqual([['STAGE=test'], undefined, []])
  })

  test('are not waited for when nobody wants them any more', async () => {
    const { engine: docker, asked } = counting()
    const answers = [{ engine: docker, containers: all }]
    await expect(withConfiguration(answers, wanted, AbortSignal.abort('over'))).rejects.toBe('over')
    expect(asked).toEqual([])
  })
})
