/** docs/internals/security.md is true to the tree: what it names is there, every threat has a defence and a test that exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { serviceCapabilities } from '../../../src/setup/service-unit.ts'

const text = readFileSync('docs/internals/security.md', 'utf8')

/** Cells of the rows of the tables below a heading, without the head of the table. */
function rowsBelow(heading: string): string[][] {
  const [, section = ''] = text.split(`\n## ${heading}\n`)
  const lines = (section.split('\n## ')[0] ?? '').split('\n')
  return lines.filter(line => /^\|(?! *-)/.test(line) && !lines[lines.indexOf(line) + 1]?.startsWith('|-')).map(cellsOf)
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map(cell => cell.trim())
}

/** What stands where vitest wants a title: `test('…', `, `])('…', `, or alone on a line behind a table. */
const titlePattern = /^\s*(?:(?:test|describe)\b.*?\(|\]\)\()?(?<quote>['"])(.*?)\k<quote>,(?: |$)/gm

const threats = rowsBelow('Threats')

test('there are threats', () => expect(threats.length).toBeGreaterThan(30))

describe.each(threats.map(row => [row[0], row] as const))('%s', (_, [, defence = '', tests = '']) => {
  const sources = [...defence.matchAll(/`([\w./-]+\.ts)`/g)].map(([, path = '']) => path)
  const named = [...tests.matchAll(/`([\w/-]+)` “([^”]+)”/g)]

  test('has a defence in a file that exists', () => {
    expect(sources.length).toBeGreaterThan(0)
    expect(sources.filter(path => !existsSync(path) && !existsSync(`src/${path}`))).toEqual([])
  })

  test('has a test that exists', () => {
    expect(named.length).toBeGreaterThan(0)
    for (const [, file, title = ''] of named) {
      const titles = readFileSync(`test/${file}.test.ts`, 'utf8').matchAll(titlePattern)
      expect(
        [...titles].map(([, , found]) => found),
        file,
      ).toContain(title)
    }
  })
})

test('the service has the capabilities that are told', () => {
  expect(rowsBelow('What the service may do').map(([name]) => name)).toEqual(
    serviceCapabilities.map(name => `\`${name}\``),
  )
})

test('nothing starts a shell', () => {
  const sources = ['bin', 'extcap', 'src'].flatMap(folder =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(path => path.endsWith('.ts'))
      .map(path => join(folder, path)),
  )
  const starting = sources.flatMap(path => {
    const [, names = ''] = /import \{([^}]*)\} from 'node:child_process'/.exec(readFileSync(path, 'utf8')) ?? []
    return names
      .split(',')
      .map(name => name.trim())
      .filter(name => name !== '' && !name.startsWith('type '))
  })
  expect(new Set(starting)).toEqual(new Set(['spawn']))
  expect(sources.filter(path => /\bshell:/.test(readFileSync(path, 'utf8')))).toEqual([])
})
