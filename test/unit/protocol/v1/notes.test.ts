import { expect, test } from 'vitest'
import { type CaptureNote, parseNote } from '../../../../src/protocol/v1/notes.ts'

const report: CaptureNote = {
  note: 'report',
  reference: 'docker:web',
  end: 'target-gone',
  complete: true,
  interfaces: [{ name: 'eth0', received: 3, dropped: 0 }],
  packets: 3,
  dropped: 0,
  seconds: 1.5,
}

test.each<CaptureNote>([
  { note: 'armed', reference: 'docker:web' },
  { note: 'progress', packets: 1, bytes: 2, seconds: 0.5 },
  report,
  { ...report, goneInterface: 'eth0', lives: 2 },
])('$note is read as it was written', note => {
  expect(parseNote(JSON.stringify(note))).toEqual(note)
})

test('what a later version says besides is passed over', () => {
  expect(parseNote('{"note":"armed","reference":"x","more":1}')).toEqual({ note: 'armed', reference: 'x' })
  expect(parseNote('{"note":"later"}')).toBeUndefined()
})
