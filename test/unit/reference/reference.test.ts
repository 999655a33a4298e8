import { describe, expect, test } from 'vitest'
import { formatReference, parseReference, type Reference, shownReference } from '../../../src/reference/reference.ts'

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
    ['annotation:team=a=b', { scheme: 'annotation', key: 'team', value: 'a=b' }],
    ['env:STAGE=a=b c', { scheme: 'env', key: 'STAGE', value: 'a=b c' }],
    ['env:STAGE=', { scheme: 'env', key: 'STAGE', value: '' }],
    ['compose:shop', { scheme: 'compose', project: 'shop' }],
    ['compose:shop/web', { scheme: 'compose', project: 'shop', service: 'web' }],
    ['systemd:nginx', { scheme: 'systemd', unit: 'nginx.service' }],
    ['systemd:getty@tty1', { scheme: 'systemd', unit: 'getty@tty1.service' }],
    ['systemd:run-r1.scope', { scheme: 'systemd', unit: 'run-r1.scope' }],
    ['systemd:nginx.v2', { scheme: 'systemd', unit: 'nginx.v2.service' }],
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
      'annotation:team',
      'env:STAGE',
      'env:=x',
      'compose:',
      'compose:/web',
      'compose:a/',
      'process:',
      'systemd:',
      'systemd:a/b',
      'systemd:../a.service',
    ],
    'file:/a%00b',
  ])('%j is refused', typed => {
    expect(() => parseReference(typed)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

test('a variable is written so that it is read again', () => {
  const reference = { scheme: 'env', key: 'STAGE', value: 'a, {b}%20=c' } as const
  expect(parseReference(formatReference(reference))).toEqual(reference)
})

test.each([
  ['env:TOKEN=s3cret', 'env:TOKEN=…'],
  ['env:TOKEN=a=b c\nd', 'env:TOKEN=…'],
  ['env:TOKEN%3Ds3cret', 'env:TOKEN=…'],
  ['env:=s3cret', 'env:=…'],
  ['env:TOKEN', 'env:TOKEN'],
  ['label:app=web', 'label:app=web'],
  ['a%20b', 'a%20b'],
])('%j is shown as %j', (text, shown) => {
  expect(shownReference(text)).toBe(shown)
})

test('half a surrogate pair is no character', () => {
  const reference = parseReference('env:\ud800=value')
  expect(reference).toEqual({ scheme: 'env', key: '\ufffd', value: 'value' })
  expect(parseReference(shownReference('env:\ud800=value'))).toEqual({ ...reference, value: '…' })
})

test('the failure of a malformed reference does not tell a value', () => {
  expect(() => parseReference('env:=s3 cret')).toThrow(/^(?!.*cret).*expected env:KEY=VALUE/)
})
