import { expect, test } from 'vitest'
import { splitComments } from '../../../src/inspect/documents.ts'
import { targetComment } from '../../../src/protocol/packetflix/comment.ts'

const target = targetComment({ name: 'web', type: 'docker', node: 'host', filter: '', promiscuous: true })
const context = '---\n# remora context\nengine: docker\nroutes: |\n  ---\n  default\n'

test.each<[string, string[], object]>([
  ['nothing', [], { target: undefined, context: undefined, others: [] }],
  ['the target alone', [target], { target, context: undefined, others: [] }],
  ['both in one comment', [target + context], { target, context, others: [] }],
  ['both in two comments', ['hello', target, context], { target, context, others: ['hello'] }],
  ['the context alone, without its border', [context.slice(4)], { context: context.slice(4), others: [] }],
  ['what another program put before', [`by hand\n${target}`], { target, others: ['by hand\n'] }],
  ['line ends of Windows', [(target + context).replaceAll('\n', '\r\n')], { others: [] }],
  ['what is of others', ['---\nx: 1\n---\ny: 2', ' \n'], { others: ['---\nx: 1\n---\ny: 2'] }],
  ['the marker of nothing', ['about "# remora context"'], { context: undefined, others: ['about "# remora context"'] }],
])('%s', (_, comments, documents) => {
  expect(splitComments(comments)).toMatchObject(documents)
})

test('documents with line ends of Windows are found', () => {
  const found = splitComments([(target + context).replaceAll('\n', '\r\n')])
  expect([found.target?.includes('web'), found.context?.includes('engine')]).toEqual([true, true])
  expect(found.target).not.toContain('remora context')
})
