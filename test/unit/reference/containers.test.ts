import { describe, expect, test } from 'vitest'
import type { NamedContainer } from '../../../src/reference/grammar/containers.ts'
import { type ContainerReference, matchContainers, parseReference } from '../../../src/reference/reference.ts'

const compose = (project: string, service: string) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
})
const container = (name: string, id: string, labels: Record<string, string> = {}, prefix = ''): NamedContainer => ({
  engine: 'docker',
  id,
  name,
  prefix,
  labels,
})

const containers = [
  container('web', 'aa11', { app: 'web', ...compose('shop', 'web') }),
  container('db', 'ab22', { app: 'db', ...compose('shop', 'db') }),
  container('aa', 'cc33', compose('blog', 'web')),
  container('web', 'dd44', {}, 'outer'),
  container('dup', 'ee55', { 'io.kubernetes.annotation/note': 'by hand' }),
  { ...container('dup', 'ee66'), annotations: { note: 'of an engine' }, variables: ['STAGE=a=b', 'EMPTY='] },
]

describe('pods a reference means', () => {
  const inPod = (id: string, pod: string, prefix = ''): NamedContainer => ({
    ...container(id, id, {}, prefix),
    pod: { name: pod },
  })
  const pods = [
    inPod('a', 'default/web'),
    inPod('b', 'default/web'),
    inPod('c', 'default/web', 'node1'),
    inPod('d', 'x'),
  ]

  test.each([
    ['pod:default/web', ['a', 'b']],
    ['pod:node1/default/web', ['c']],
    ['pod:x', ['d']],
    ['pod:web', []],
    ['container:default/web', []],
  ])('%s', (reference, ids) => {
    const found = matchContainers(parseReference(reference) as ContainerReference, pods)
    expect(found.map(({ id }) => id)).toEqual(ids)
  })
})

describe('containers a reference means', () => {
  test.each<[string, string[]]>([
    ['web', ['aa11']],
    ['outer/web', ['dd44']],
    ['aa', ['cc33']],
    ['aa1', ['aa11']],
    ['ab22', ['ab22']],
    ['a', []],
    ['ee', ['ee55', 'ee66']],
    ['dup', ['ee55', 'ee66']],
    ['docker:web', ['aa11']],
    ['label:app=web', ['aa11']],
    ['label:note=by hand', ['ee55']],
    ['label:io.kubernetes.annotation/note=by hand', ['ee55']],
    ['label:note=of an engine', ['ee66']],
    ['label:io.kubernetes.annotation/note=of an engine', ['ee66']],
    ['annotation:note=of an engine', ['ee66']],
    ['annotation:note=by hand', ['ee55']],
    ['annotation:note=', []],
    ['env:STAGE=a=b', ['ee66']],
    ['env:EMPTY=', ['ee66']],
    ['env:STAGE=a', []],
    ['env:toString=x', []],
    ['label:toString=x', []],
    ['compose:shop', ['aa11', 'ab22']],
    ['compose:shop/db', ['ab22']],
    ['compose:blog/db', []],
    ['nothing', []],
  ])('%s', (typed, ids) => {
    const reference = parseReference(typed) as Parameters<typeof matchContainers>[0]
    expect(matchContainers(reference, containers).map(({ id }) => id)).toEqual(ids)
  })
})
