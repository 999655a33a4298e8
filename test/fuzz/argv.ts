/** Wireshark's argument vectors: what was meant is read, in whatever order and form; whatever comes is read as something. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseExtcapCall, type Step, withoutSecrets } from '../../extcap/argv.ts'
import { stableInterfaces } from '../../extcap/interfaces.ts'
import { type Random, randomFrom, shuffled } from '../helpers/random.ts'
import { type FuzzTarget, target } from './target.ts'
import { anyText } from './text.ts'

const types = new Map(
  Object.values(stableInterfaces).flatMap(nif => nif.arguments.map(({ call, type }) => [call, type] as const)),
)
const flags = [...types].flatMap(([call, type]) => (type === 'boolflag' ? call : []))
const texts = [...types].flatMap(([call, type]) => (type === 'boolflag' ? [] : call))

const meant = fc.record({
  interface: anyText,
  filter: anyText,
  fifo: anyText,
  flags: fc.dictionary(fc.constantFrom(...flags), fc.boolean(), { maxKeys: 4 }),
  texts: fc.dictionary(fc.constantFrom(...texts), anyText, { maxKeys: 4 }),
  form: fc.integer(),
})

/** An option with its value: two arguments, or one. */
function written(name: string, value: string, random: Random): string[] {
  return random.below(2) === 0 ? [`--${name}`, value] : [`--${name}=${value}`]
}

/** A flag of a dialog, in one of the three forms Wireshark has for it; absence is the fourth. */
function writtenFlag(name: string, value: boolean, random: Random): string[] {
  if (value && random.below(2) === 0) return [`--${name}`]
  return written(name, String(value), random)
}

const roundTrip: FuzzTarget = target('argv that was meant', 60_000, meant, ({ form, ...call }) => {
  const random = randomFrom(form)
  const isReload = random.below(3) === 0
  const shared = [
    written('extcap-interface', call.interface, random),
    ...Object.entries(call.texts).map(([name, value]) => written(name, value, random)),
    ...Object.entries(call.flags).map(([name, value]) => writtenFlag(name, value, random)),
  ]
  const own = isReload
    ? [['--extcap-config'], written('extcap-reload-option', 'target', random)]
    : [['--capture'], written('fifo', call.fifo, random), written('extcap-capture-filter', call.filter, random)]
  const values = { ...call.texts, ...call.flags }
  const expected: Step = isReload
    ? { step: 'reload', interface: call.interface, option: 'target', values }
    : {
        ...{ step: 'capture', interface: call.interface, fifo: call.fifo, filter: call.filter.trim() },
        ...{ values, unknown: [] },
      }
  assert.deepEqual(parseExtcapCall(shuffled([...own, ...shared], random).flat()).step, expected)
})

const secret = 's3cret-of-nobody'
const option = fc.constantFrom(
  ...['capture', 'fifo', 'extcap-interface', 'extcap-interfaces', 'extcap-config', 'extcap-dlts', 'extcap-version'],
  ...['extcap-capture-filter', 'extcap-reload-option', 'extcap-cleanup-postkill', 'log-file', 'debug', '__proto__', ''],
  ...types.keys(),
)
const token = fc.oneof(
  anyText,
  option.map(name => `--${name}`),
  fc.tuple(option, anyText).map(([name, value]) => `--${name}=${value}`),
  fc.constantFrom(
    `--token=${secret}`,
    `--url=packetflix:ws://u:${secret}@h/capture?a`,
    `ws://h/capture?netns=1&token=${secret}`,
    `${secret}@server:5001`,
    `http://h/v1/capture/${secret}?x`,
  ),
)
const steps = new Set(['interfaces', 'dlts', 'config', 'reload', 'filter', 'capture', 'cleanup', 'nothing'])

const anything = target('argv of any kind', 60_000, fc.array(token, { maxLength: 10 }), argv => {
  const { step } = parseExtcapCall(argv)
  assert.ok(steps.has(step.step))
  if ('values' in step) {
    for (const [call, value] of Object.entries(step.values)) {
      assert.equal(typeof value, types.get(call) === 'boolflag' ? 'boolean' : 'string')
    }
  }
  if (step.step === 'capture') for (const unknown of step.unknown) assert.ok(argv.includes(unknown))
  const logged = withoutSecrets(argv)
  assert.equal(logged.length, argv.length)
  assert.ok(!logged.join(' ').includes(secret))
})

export const argvTargets: readonly FuzzTarget[] = [roundTrip, anything]
