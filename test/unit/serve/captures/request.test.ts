import * as v from 'valibot'
import { expect, test } from 'vitest'
import { bodyOptions, type CaptureRequest, requestOf } from '../../../../src/capture/request/request.ts'
import { captureBody, requestOfBody } from '../../../../src/serve/captures/request.ts'

const sent = (request: CaptureRequest) =>
  requestOfBody(v.parse(captureBody, JSON.parse(JSON.stringify({ target: 'web', ...bodyOptions(request) }))))

const usual = requestOf(['web'])

test('a body with nothing but its target means the default of each option', () => {
  expect(requestOfBody(v.parse(captureBody, { target: 'web' }))).toEqual(usual)
})

test.each<Partial<CaptureRequest>>([
  {},
  { interfaces: ['eth0', 'lo'], filter: 'tcp port 80', snaplen: 96, promiscuous: false },
  { stop: { duration: 0.5, packets: 3, filesize: 10 } },
  { wait: {}, follow: true, names: false },
  { wait: { timeout: 2.5 }, window: 0, direction: true, immediate: true },
  { at: 'both', match: 'newest', keys: { fromTargets: true, files: [] } },
])('a service reads what a client asks for: %j', options => {
  expect(sent({ ...usual, ...options })).toEqual({ ...usual, ...options })
})
