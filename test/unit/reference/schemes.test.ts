/** The list of schemes: what it holds, and what help and docs say of it. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { formatReference, parseReference } from '../../../src/reference/reference.ts'
import { schemes } from '../../../src/reference/schemes.ts'
import { listUsage } from '../../../src/reference/usage.ts'

test.each(schemes.flatMap(scheme => scheme.usage.flatMap(({ forms }) => forms.map(form => [form, scheme.name]))))(
  '%s, as help and docs write it, is a reference of %s',
  (form, name) => {
    const reference = parseReference(form)
    expect(reference.scheme).toBe(name)
    expect(parseReference(formatReference(reference))).toEqual(reference)
  },
)

test('every file of schemes/ is in the list', async () => {
  const folder = new URL('../../../src/reference/schemes/', import.meta.url)
  const members = await Promise.all(readdirSync(folder).map(file => import(new URL(file, folder).href)))
  const exported = members.flatMap(member => Object.values(member).flat()).filter(isScheme)
  expect(exported.length).toBe(schemes.length)
  expect(schemes).toEqual(expect.arrayContaining(exported))
})

test('schemes with the same meaning share a row', () => {
  const rows = listUsage()
  expect(rows).toContainEqual(expect.objectContaining({ forms: expect.arrayContaining(['docker:web', 'podman:web']) }))
  expect(new Set(rows.map(({ means }) => means)).size).toBe(rows.length)
})

function isScheme(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'parse' in value
}
