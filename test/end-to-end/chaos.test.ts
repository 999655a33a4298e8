/** The most telling cases of `npm run chaos`, with a seed of their own. */
import { expect, test } from 'vitest'
import { cases } from '../chaos/cases.ts'
import { runAll } from '../chaos/run.ts'

const seed = 6
const names = [
  'local file / steady / kill -9',
  'local fifo / steady / netns removed',
  'local woven / start-up / SIGSTOP for 10 s',
  'local woven / stopping / SIGSTOP for 10 s',
  'local woven / start-up / memory limit',
  'local woven / steady / clock -1d',
  'service / start-up / disk full',
  'service / steady / kill -9',
  'local follow / steady / nofile = open + 0',
  'local wait / start-up / nofile = open + 3',
  'service / steady / nofile = open + 1',
  'service / stopping / SIGTERM',
  'client / steady / disk full',
  'client / stopping / kill -9',
  'client packetflix / steady / fifo reader gone',
]

test('whatever is broken, nothing is left, and what was captured can be read', async () => {
  const chosen = cases.filter(({ name }) => names.includes(name))
  expect(chosen).toHaveLength(names.length)
  const broken: Record<string, readonly string[]> = {}
  await runAll(chosen, seed, new AbortController().signal, ({ name }, { problems }) => {
    if (problems.length > 0) broken[name] = problems
  })
  expect(broken).toEqual({})
}, 120_000)
