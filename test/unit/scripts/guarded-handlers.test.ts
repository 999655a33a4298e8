/** The linter refuses a handler of several steps that is not guarded, where the program itself is. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../helpers/command.ts'
import { scratch } from '../../helpers/scratch.ts'

const steps = '{\n  a()\n  b()\n}'

test.each([
  [`socket.on('data', () => ${steps})`, true],
  [`socket?.once('data', async chunk => ${steps})`, true],
  [`child.stderr?.setEncoding('utf8').on('data', text => ${steps})`, true],
  [`socket.on('data', guarded(() => ${steps}))`, false],
  [`socket.on('error', () => {})`, false],
  [`socket.once('close', () => session.kill())`, false],
])('%s', async (code, isRefused) => {
  const file = join(scratch(), 'handler.ts')
  writeFileSync(file, `${code}\n`)
  const config = join(scratch(), 'biome.json')
  const plugins = [resolve('scripts/lint/guarded-handlers.grit')]
  writeFileSync(config, JSON.stringify({ plugins, linter: { rules: { recommended: false } } }))
  const { stdout, stderr } = await run(['biome', 'lint', '--colors=off', `--config-path=${config}`, file])
  expect(`${stdout}${stderr}`.includes('A handler of several steps is guarded'), stderr).toBe(isRefused)
})
