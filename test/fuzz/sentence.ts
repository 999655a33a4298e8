/** Sentences, read back as Wireshark reads them: the cleaned text, and no sentence more or less. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { containerInterface, preferenceKey } from '../../extcap/interfaces.ts'
import { attributeText, sentence } from '../../extcap/sentence.ts'
import { uniqueInterfaces } from '../../extcap/step-interfaces.ts'
import { parseSentences } from '../helpers/sentences.ts'
import { type FuzzTarget, target } from './target.ts'
import { anyText } from './text.ts'

const attributes = fc.record({ arg: fc.nat(), value: anyText, display: anyText, tooltip: fc.option(anyText) })

const readBack = target('sentences', 80_000, fc.array(attributes, { minLength: 1, maxLength: 3 }), list => {
  const printed = list
    .map(({ tooltip, ...rest }) => sentence('value', { ...rest, tooltip: tooltip ?? undefined, default: true }))
    .join('')
  const expected = list.map(({ arg, value, display, tooltip }) => ({
    word: 'value',
    attributes: {
      ...{ arg: String(arg), value: attributeText(value), display: attributeText(display) },
      ...(tooltip !== null && { tooltip: attributeText(tooltip) }),
      default: 'true',
    },
  }))
  assert.deepEqual(parseSentences(printed), expected)
})

const clean = target('text of a sentence', 40_000, anyText, text => {
  const cleaned = attributeText(text)
  assert.doesNotMatch(cleaned, /[\p{C}\n{}]/u)
  assert.ok(cleaned.isWellFormed())
  assert.equal(attributeText(cleaned), cleaned)
})

const names = target('names of interfaces', 20_000, fc.array(anyText, { maxLength: 6 }), list => {
  const listed = uniqueInterfaces(list.map(name => ({ name })))
  const keys = listed.map(({ value }) => preferenceKey(value))
  assert.equal(new Set(keys).size, keys.length)
  for (const { value, container } of listed) {
    assert.equal(value, containerInterface(container.name))
    assert.match(value, /^remora-/)
    assert.doesNotMatch(value, /[,()\s/:\\{}]/)
    assert.equal(attributeText(value), value)
  }
})

export const sentenceTargets: readonly FuzzTarget[] = [readBack, clean, names]
