import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyLines, splitLines } from '../../../src/pcapng/key-log.ts'
import { keyLine } from '../../helpers/key-lines.ts'

const random = '0123456789abcdefABCDEF0123456789'.repeat(2)
const kept = (text: string) => keyLines(Buffer.from(text, 'latin1')).toString('latin1')

describe('lines that are keys', () => {
  test.each([
    'CLIENT_RANDOM',
    'CLIENT_EARLY_TRAFFIC_SECRET',
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'SERVER_TRAFFIC_SECRET_12',
    'EARLY_EXPORTER_SECRET',
    'EXPORTER_SECRET',
    'ECH_SECRET',
    'ECH_CONFIG',
    'PMS_CLIENT_RANDOM',
    'QUIC_CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'QUIC_SERVER_TRAFFIC_SECRET_0',
  ])('%s', label => {
    const line = `${label} ${random} ${'0f'.repeat(32)}\n`
    expect(kept(line)).toBe(line)
    expect(kept(line.replace('\n', '\r\n'))).toBe(line)
  })

  test('the key exchange of RSA', () => {
    const line = `RSA ${'a1'.repeat(8)} ${'b2'.repeat(48)}\n`
    expect(kept(line)).toBe(line)
  })

  test.each([
    ['a comment', '# a comment'],
    ['nothing', ''],
    ['an unknown label', `SECRET_OF_MINE ${random} ${random}`],
    ['a label in small letters', `client_random ${random} ${random}`],
    ['blanks before it', ` CLIENT_RANDOM ${random} ${random}`],
    ['blanks behind it', `CLIENT_RANDOM ${random} ${random} `],
    ['something behind it', `CLIENT_RANDOM ${random} ${random} # x`],
    ['a short random', `CLIENT_RANDOM ${random.slice(2)} ${random}`],
    ['a long random', `CLIENT_RANDOM ${random}00 ${random}`],
    ['half a byte', `CLIENT_RANDOM ${random} ${random}0`],
    ['no secret', `CLIENT_RANDOM ${random} `],
    ['another blank', `CLIENT_RANDOM\t${random} ${random}`],
    ['a NUL in it', `CLIENT_RANDOM ${random} ${random}\0`],
    ['no digits', `CLIENT_RANDOM ${random} ${'xy'.repeat(32)}`],
    ['too long', `CLIENT_RANDOM ${random} ${'00'.repeat(1_000)}`],
  ])('are not: %s', (_, line) => {
    expect(kept(`${line}\n`)).toBe('')
    expect(kept(`${keyLine(1)}${line}\n${keyLine(2)}`)).toBe(keyLine(1) + keyLine(2))
  })

  test('whatever a file holds, what is kept of it are the whole lines of keys that stood in it', () => {
    const line = fc.oneof(
      fc.nat().map(number => keyLine(number)),
      fc.string({ unit: 'binary' }).map(text => `${text}\n`),
      fc.uint8Array().map(bytes => Buffer.from(bytes).toString('latin1')),
      fc.nat().map(number => keyLine(number).slice(0, 100)),
    )
    fc.assert(
      fc.property(fc.array(line), lines => {
        const bytes = Buffer.from(lines.join(''), 'latin1')
        const found = keyLines(bytes).toString('latin1')
        expect(found).toMatch(/^(?:CLIENT_RANDOM [0-9a-f]{64} (?:[0-9a-f]{2})+\n)*$/)
        const rows = new Set(bytes.toString('latin1').split(/[\r\n]+/))
        for (const row of found.split('\n').slice(0, -1)) expect(rows).toContain(row)
        expect(keyLines(Buffer.from(found))).toEqual(Buffer.from(found))
      }),
    )
  })
})

test('pieces are cut at the ends of lines and are the whole again', () => {
  const lines = fc.array(fc.nat({ max: 30 }).map(length => `${'x'.repeat(length)}\n`))
  fc.assert(
    fc.property(lines, fc.boolean(), fc.integer({ min: 1, max: 60 }), (rows, isCut, limit) => {
      const bytes = Buffer.from(rows.join('').slice(0, isCut ? -1 : undefined))
      const pieces = [...splitLines(bytes, limit)]
      expect(Buffer.concat(pieces)).toEqual(bytes)
      for (const piece of pieces.slice(0, -1)) expect(piece.at(-1)).toBe(0x0a)
      for (const piece of pieces) {
        expect(piece.length).toBeGreaterThan(0)
        expect(piece.length <= limit || piece.indexOf(0x0a) >= piece.length - 1 || !piece.includes(0x0a)).toBe(true)
      }
    }),
  )
})
