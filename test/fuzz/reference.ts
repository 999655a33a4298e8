/** The grammar of references: what is written is read again, and whatever is read has one form that means the same. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { attributeText } from '../../extcap/sentence.ts'
import { parseReferences } from '../../src/capture/request/request.ts'
import { askedEngines } from '../../src/model/target.ts'
import { formatReference, parseReference, type Reference, shownReference } from '../../src/reference/reference.ts'
import { schemes } from '../../src/reference/schemes.ts'
import { type FuzzTarget, target, unlessRefused } from './target.ts'
import { anyText, record, wellFormedText } from './text.ts'

const text = wellFormedText.map(value => value.replaceAll('\0', '') || 'x')
const natural = fc.integer({ min: 1, max: 2 ** 31 })

const references: fc.Arbitrary<Reference> = fc.oneof(
  fc.constant<Reference>({ scheme: 'host' }),
  natural.map<Reference>(pid => ({ scheme: 'pid', pid })),
  record({ scheme: fc.constant('pid' as const), pid: natural, startTime: fc.nat() }),
  natural.map<Reference>(inode => ({ scheme: 'netns', inode })),
  text.map<Reference>(name => ({ scheme: 'named', name: name.replace(/\/|^\.\.?$/g, '_') })),
  text.map<Reference>(path => ({ scheme: 'file', path: `/${path}` })),
  text.map<Reference>(name => ({ scheme: 'container', name })),
  record({ scheme: fc.constantFrom(...askedEngines, 'pod' as const), name: text }),
  record({
    scheme: fc.constantFrom('label' as const, 'env' as const),
    key: text.map(key => key.replaceAll('=', '_')),
    value: text,
  }),
  text.map<Reference>(project => ({ scheme: 'compose', project: project.replaceAll('/', '_') })),
  record({
    scheme: fc.constant('compose' as const),
    project: text.map(project => project.replaceAll('/', '_')),
    service: text,
  }),
  text.map<Reference>(command => ({ scheme: 'process', command })),
  fc
    .tuple(fc.stringMatching(/^[A-Za-z0-9:_.\\@-]{1,40}$/), fc.constantFrom('service', 'scope', 'mount'))
    .map<Reference>(([name, suffix]) => ({ scheme: 'systemd', unit: `${name}.${suffix}` })),
)

/** The value of a variable is not shown; everything else is shown as it was written. */
function checkShown(reference: Reference, forms: readonly string[]): void {
  for (const form of forms) {
    const shown = shownReference(form)
    if (reference.scheme === 'env') assert.deepEqual(parseReference(shown), { ...reference, value: '…' })
    else assert.equal(shown, form)
  }
}

const canonical = target('references that were meant', 70_000, fc.array(references, { maxLength: 3 }), list => {
  const written = list.map(formatReference)
  for (const [index, one] of written.entries()) {
    assert.deepEqual(parseReference(one), list[index])
    // It survives sentences of Wireshark, preferences and lists unchanged.
    assert.equal(attributeText(one), one)
    assert.doesNotMatch(one, /[\s{},]/)
    checkShown(list[index] as Reference, [one])
  }
  assert.deepEqual(parseReferences(written.join(', ')), written)
})

const names = [...schemes.map(({ name }) => name), 'nothing']
const number = fc.stringMatching(/^\d{1,17}(@\d{1,17})?$/)
const typed = fc.oneof(
  anyText,
  fc.tuple(fc.constantFrom(...names), fc.oneof(anyText, number)).map(([scheme, value]) => `${scheme}:${value}`),
)

const anything = target('references of any kind', 70_000, typed, input => {
  const reference = unlessRefused(() => parseReference(input), 'USAGE')
  if (reference === undefined) return
  const written = formatReference(reference)
  checkShown(reference, [input, written])
  assert.equal(formatReference(parseReference(written)), written)
  for (const value of Object.values(reference)) if (typeof value === 'number') assert.ok(Number.isSafeInteger(value))
})

export const referenceTargets: readonly FuzzTarget[] = [canonical, anything]
