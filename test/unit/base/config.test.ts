import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configPaths, readConfig, writeConfig } from '../../../src/base/config.ts'
import { openLog } from '../../../src/base/log.ts'
import { scratch } from '../../helpers/scratch.ts'

describe('configuration', () => {
  test('what was written is read', () => {
    const env = { XDG_CONFIG_HOME: scratch() }
    writeConfig(configPaths(env).user, { list: 3 })
    expect(readConfig(env)).toEqual({ list: 3 })
  })

  test.each(['', '{', '[]', 'null', '{"list":-1}', '{"list":65}', '{"list":"8"}', '{"list":1.5}'])(
    '%j counts as the default',
    text => {
      const env = { XDG_CONFIG_HOME: scratch() }
      const { user } = configPaths(env)
      mkdirSync(dirname(user), { recursive: true })
      writeFileSync(user, text)
      expect(readConfig(env)).toEqual({ list: 8 })
    },
  )

  test('a missing one is the default', () => {
    expect(readConfig({ HOME: '/nonexistent' })).toEqual({ list: 8 })
  })
})

describe('log', () => {
  test('writes what is important enough, also under the names Wireshark uses', async () => {
    const { readFileSync } = await import('node:fs')
    const file = `${scratch()}/log`
    const log = openLog(file, 'message')
    log.debug('quiet')
    log.info('loud')
    log.error('louder')
    expect(readFileSync(file, 'utf8').match(/(info loud|error louder|quiet)/g)).toEqual(['info loud', 'error louder'])
  })

  test('refuses a level nobody knows and a file that cannot be', () => {
    expect(() => openLog('/tmp/x', 'shout')).toThrow(/unknown log level/)
    expect(() => openLog('/nonexistent/x')).toThrow(/cannot write the log file/)
    expect(() => openLog(undefined).info('nowhere')).not.toThrow()
  })
})
