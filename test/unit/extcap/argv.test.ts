import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExtcapCall, type Step } from '../../../extcap/argv.ts'

const step = (line: string): Step => parseExtcapCall(line.split(' ')).step

describe('steps', () => {
  test.each<[string, Step]>([
    ['--extcap-interfaces --extcap-version=4.4', { step: 'interfaces' }],
    ['--extcap-interfaces', { step: 'interfaces' }],
    ['--extcap-interfaces --extcap-version 99.0 --what ever -x', { step: 'interfaces' }],
    ['--extcap-dlts --extcap-interface remora', { step: 'dlts', interface: 'remora' }],
    ['--extcap-interface=remora --extcap-dlts', { step: 'dlts', interface: 'remora' }],
    ['--extcap-config --extcap-interface remora', { step: 'config', interface: 'remora' }],
    [
      '--extcap-config --extcap-interface remora --extcap-reload-option target --showprocs true --match x',
      { step: 'reload', interface: 'remora', option: 'target', values: { showprocs: true, match: 'x' } },
    ],
    [
      '--showprocs=false --showpods --extcap-reload-option=--target --extcap-interface remora --extcap-config',
      { step: 'reload', interface: 'remora', option: 'target', values: { showprocs: false, showpods: true } },
    ],
    ['--extcap-capture-filter tcp --extcap-interface remora', { step: 'filter', interface: 'remora', filter: 'tcp' }],
    ['--extcap-interface remora --extcap-config-option-name a --extcap-config-option-value b', { step: 'nothing' }],
    ['--extcap-cleanup-postkill', { step: 'cleanup' }],
    ['--capture', { step: 'capture', interface: '', fifo: undefined, filter: '', values: {}, unknown: [] }],
    [
      '--capture --extcap-interface remora --fifo /tmp/f --bogus 1 --target docker:web',
      {
        step: 'capture',
        interface: 'remora',
        fifo: '/tmp/f',
        filter: '',
        values: { target: 'docker:web' },
        unknown: ['--bogus'],
      },
    ],
  ])('%s', (line, expected) => {
    expect(step(line)).toEqual(expected)
  })

  test('a value may look like an option, or be one', () => {
    expect(parseExtcapCall(['--extcap-capture-filter', '--capture', '--extcap-interface', 'x']).step).toEqual({
      step: 'filter',
      interface: 'x',
      filter: '--capture',
    })
  })

  test('the log is named in either generation of options', () => {
    expect(parseExtcapCall(['--log-file', 'f', '--log-level=debug'])).toMatchObject({ logFile: 'f', logLevel: 'debug' })
    expect(parseExtcapCall(['--debug', '--debug-file', 'f'])).toMatchObject({ logFile: 'f', logLevel: 'debug' })
  })
})

describe('a capture', () => {
  const parts = [
    ['--capture'],
    ['--extcap-interface', 'remora'],
    ['--fifo', '/tmp/a b'],
    ['--extcap-capture-filter', 'tcp port 80'],
    ['--reference', 'pid:1 --capture'],
    ['--noprom'],
    ['--snaplen=96'],
  ]
  const expected = parseExtcapCall(parts.flat()).step

  test('means the same in any order', () => {
    expect(expected).toMatchObject({
      fifo: '/tmp/a b',
      filter: 'tcp port 80',
      values: { reference: 'pid:1 --capture', noprom: true, snaplen: '96' },
      unknown: [],
    })
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), shuffled => {
        expect(parseExtcapCall(shuffled.flat()).step).toEqual(expected)
      }),
    )
  })
})
