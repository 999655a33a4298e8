/** Times and sizes as they are typed: a number with a unit, or without one where the unit goes without saying. */

const secondsIn: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
const bytesIn: Readonly<Record<string, number>> = {
  ...{ b: 1, kb: 1e3, mb: 1e6, gb: 1e9 },
  ...{ kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 },
}
/** Largest number that is taken, of whatever it is. */
const most = 1e9

/** Reads a time in seconds, to the millisecond; a bare number is of seconds. Undefined for anything else, and for none at all. */
export function parseSeconds(text: string): number | undefined {
  const seconds = scaled(text, secondsIn, 's')
  return within(seconds === undefined ? undefined : Math.round(seconds * 1000) / 1000)
}

/** Reads a size in whole KiB, rounded up; a bare number is of KiB and whole. Undefined for anything else, and for nothing. */
export function parseKib(text: string): number | undefined {
  if (!/[a-z]$/i.test(text)) return parseCount(text)
  const bytes = scaled(text, bytesIn, 'kib')
  return within(bytes === undefined ? undefined : Math.ceil(bytes / 1024))
}

/** Reads a number of things; undefined for anything else, and for 0. */
export function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? within(Number(text)) : undefined
}

function scaled(text: string, units: Readonly<Record<string, number>>, usual: string): number | undefined {
  const [, number, unit = usual] = /^(\d{1,9}(?:\.\d{1,3})?)([a-z]{1,3})?$/i.exec(text) ?? []
  const scale = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined
  return number === undefined || scale === undefined ? undefined : Number(number) * scale
}

function within(number: number | undefined): number | undefined {
  return number !== undefined && number > 0 && number <= most ? number : undefined
}
