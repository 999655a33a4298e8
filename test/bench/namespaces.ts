/** Many named network namespaces at once, for measurements. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Makes so many, and takes them away after the use. */
export async function withNamespaces(count: number, use: () => Promise<void>): Promise<void> {
  const names = Array.from({ length: count }, (_, number) => `rb-${process.pid}-${number}`)
  await batch(names.map(name => `netns add ${name}`))
  try {
    await use()
  } finally {
    await batch(names.map(name => `netns del ${name}`))
  }
}

async function batch(commands: readonly string[]): Promise<void> {
  const ip = spawn('ip', ['-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] })
  ip.stdin.end(`${commands.join('\n')}\n`)
  await once(ip, 'close')
}
