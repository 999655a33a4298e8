/** Lines of a TLS key log that no connection has, told apart by a number. */
export function keyLine(number: number, label = 'CLIENT_RANDOM'): string {
  return `${label} ${number.toString(16).padStart(64, '0')} ${'ab'.repeat(48)}\n`
}

/** The numbers of lines made by {@link keyLine}. */
export function keyNumbers(lines: Buffer | string): number[] {
  return [...lines.toString().matchAll(/^\w+ (\w{64}) /gm)].map(([, number = '']) => Number.parseInt(number, 16))
}
