/** Numbers as people read them. */

/** `12,345` */
export function count(number: number): string {
  return number.toLocaleString('en')
}

/** `1.2 MiB` */
export function bytes(number: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = number < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(number) / 10))
  return `${(number / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** `850 ns`, `12.3 us`, `1.24 ms`, `2.50 s`: three digits and more. */
export function delay(nanoseconds: number): string {
  const units = ['ns', 'us', 'ms', 's']
  const power = nanoseconds < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(nanoseconds) / 3))
  const value = nanoseconds / 1_000 ** power
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${units[power]}`
}
