import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attributeText } from '../../../extcap/sentence.ts'
import { engineSchemes, formatReference, parseReference, type Reference } from '../../../src/target/reference.ts'

const text = fc
  .string({ unit: 'grapheme', minLength: 1 })
  .filter(value => !value.includes('\0') && value.isWellFormed())
const natural = fc.integer({ min: 1, max: 2 ** 31 })

const references: fc.Arbitrary<Reference> = fc.oneof(
  fc.constant<Reference>({ scheme: 'host' }),
  natural.map<Reference>(pid => ({ scheme: 'pid', pid })),
  fc.record({ scheme: fc.constant('pid' as const), pid: natural, startTime: fc.nat() }),
  natural.map<Reference>(inode => ({ scheme: 'netns', inode })),
  text
    .filter(name => !name.includes('/') && name !== '.' && name !== '..')
    .map<Reference>(name => ({ scheme: 'named', name })),
  text.map<Reference>(path => ({ scheme: 'file', path: `/${path}` })),
  text.map<Reference>(name => ({ scheme: 'container', name })),
  fc.record({ scheme: fc.constantFrom(...engineSchemes, 'pod' as const), name: text }),
  fc.record({ scheme: fc.constant('label' as const), key: text.filter(key => !key.includes('=')), value: text }),
  text.filter(project => !project.includes('/')).map<Reference>(project => ({ scheme: 'compose', project })),
  fc.record({
    scheme: fc.constant('compose' as const),
    project: text.filter(project => !project.includes('/')),
    service: text,
  }),
  text.map<Reference>(command => ({ scheme: 'process', command })),
)

describe('grammar', () => {
  test.each<[string, Reference]>([
    ['host', { scheme: 'host' }],
    ['host:', { scheme: 'host' }],
    ['pid:1234', { scheme: 'pid', pid: 1234 }],
    ['pid:1234@918273', { scheme: 'pid', pid: 1234, startTime: 918273 }],
    ['netns:4026532573', { scheme: 'netns', inode: 4026532573 }],
    ['named:blue', { scheme: 'named', name: 'blue' }],
    ['file:/proc/1/task/7/ns/net', { scheme: 'file', path: '/proc/1/task/7/ns/net' }],
    ['web', { scheme: 'container', name: 'web' }],
    ['container:outer/inner/web', { scheme: 'container', name: 'outer/inner/web' }],
    ['container:host', { scheme: 'container', name: 'host' }],
    ['docker:web', { scheme: 'docker', name: 'web' }],
    ['podman:web', { scheme: 'podman', name: 'web' }],
    ['containerd:lab/web', { scheme: 'containerd', name: 'lab/web' }],
    ['cri:web', { scheme: 'cri', name: 'web' }],
    ['pod:default/web', { scheme: 'pod', name: 'default/web' }],
    ['label:app=web=1', { scheme: 'label', key: 'app', value: 'web=1' }],
    ['label:app=', { scheme: 'label', key: 'app', value: '' }],
    ['compose:shop', { scheme: 'compose', project: 'shop' }],
    ['compose:shop/web', { scheme: 'compose', project: 'shop', service: 'web' }],
    ['process:nginx: master', { scheme: 'process', command: 'nginx: master' }],
    ['unknown:x', { scheme: 'container', name: 'unknown:x' }],
    ['100%', { scheme: 'container', name: '100%' }],
    ['a%20b', { scheme: 'container', name: 'a b' }],
    ['toString:x', { scheme: 'container', name: 'toString:x' }],
  ])('%s', (typed, meant) => {
    expect(parseReference(typed)).toEqual(meant)
  })

  test.each([
    ...[
      '',
      'host:x',
      'pid:',
      'pid:0',
      'pid:-1',
      'pid:1@',
      'pid:x',
      'pid:1.5',
      'netns:0',
      'netns:x',
      'named:',
      'named:..',
    ],
    ...[
      'named:a/b',
      'file:',
      'file:relative',
      'container:',
      'docker:',
      'label:x',
      'label:=x',
      'compose:',
      'compose:/web',
      'compose:a/',
      'process:',
    ],
    'file:/a%00b',
  ])('%j is refused', typed => {
    expect(() => parseReference(typed)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('canonical form', () => {
  test('is read as the same reference', () => {
    fc.assert(
      fc.property(references, reference => {
        expect(parseReference(formatReference(reference))).toEqual(reference)
      }),
    )
  })

  test('survives sentences of Wireshark, preferences and argument vectors unchanged', () => {
    fc.assert(
      fc.property(references, reference => {
        const written = formatReference(reference)
        expect(attributeText(written)).toBe(written)
        expect(written).not.toMatch(/[\s{}]|,$/)
      }),
    )
  })

  test('whatever is typed is read or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), typed => {
        try {
          parseReference(typed)
        } catch (error) {
          expect(error).toMatchObject({ code: 'USAGE' })
        }
      }),
    )
  })
})
