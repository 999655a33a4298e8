/** The policy for packages: that of this project holds, and whatever breaks it is told. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Lock, type Manifest, policyFaults, readAdvisories } from '../../../scripts/audit.ts'

const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const lock: Lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const npmrc = readFileSync('.npmrc', 'utf8')
const good = { version: '1.2.3', integrity: 'sha512-x', license: 'MIT' }
const withPackage = (name: string, entry: object): Lock => ({
  ...lock,
  packages: { ...lock.packages, [`node_modules/${name}`]: { ...good, ...entry } },
})

test('this project keeps to it', () => {
  expect(policyFaults(manifest, lock, npmrc, Object.keys(manifest.dependencies ?? {}))).toEqual([])
})

describe('what breaks it is told:', () => {
  test.each<[string, Partial<Record<'manifest' | 'lock' | 'npmrc' | 'bundled', unknown>>, string]>([
    ['a range of versions', { manifest: { dependencies: { x: '^1.0.0' } } }, 'x@^1.0.0 is no exact version'],
    ['a sum that is missing', { lock: withPackage('x', { integrity: undefined }) }, 'x has no SHA-512 sum'],
    ['a weak sum', { lock: withPackage('x', { integrity: 'sha1-x' }) }, 'x has no SHA-512 sum'],
    [
      'an address',
      { lock: withPackage('x', { resolved: 'https://elsewhere/x.tgz' }) },
      'x names the registry it comes from',
    ],
    ['a folder', { lock: withPackage('x', { link: true }) }, 'x is no package of a registry'],
    [
      'a script',
      { lock: withPackage('a/node_modules/@b/x', { hasInstallScript: true }) },
      '@b/x runs a script when it is installed',
    ],
    ['scripts that would run', { npmrc: 'audit=false\n' }, '.npmrc lets packages run scripts when they are installed'],
    ['a licence', { lock: withPackage('x', { license: 'GPL-3.0' }) }, 'x has the licence GPL-3.0'],
    ['a licence for tools only', { lock: withPackage('x', { license: 'MPL-2.0' }) }, 'x has the licence MPL-2.0'],
    ['no licence', { lock: withPackage('x', { license: undefined }) }, 'x has the licence none'],
    ['another lock file', { lock: { ...lock, lockfileVersion: 2 } }, 'the lock file has version 2'],
    ['a stowaway', { bundled: ['vitest'] }, 'vitest is in the executable, and not a dependency'],
  ])('%s', (_, changed, fault) => {
    const all = { manifest, lock, npmrc, bundled: [], ...changed } as Parameters<typeof readAll>[0]
    expect(readAll(all)).toEqual([fault])
  })
})

function readAll(all: { manifest: Manifest; lock: Lock; npmrc: string; bundled: string[] }): string[] {
  return policyFaults(all.manifest, all.lock, all.npmrc, all.bundled)
}

test.each([
  ['{"message":"405 Method Not Allowed"}', { silence: '405 Method Not Allowed', weak: [] }],
  ['{"error":{"code":"ENOAUDIT","summary":"no answer"}}', { silence: 'no answer', weak: [] }],
  ['', { silence: 'npm audit said nothing that can be read', weak: [] }],
  ['{"auditReportVersion":2,"vulnerabilities":{}}', { weak: [] }],
  ['{"vulnerabilities":{"ws":{"severity":"high"}}}', { weak: ['ws: high'] }],
])('an answer of the registry: %s', (json, advisories) => {
  expect(readAdvisories(json)).toEqual(advisories)
})
