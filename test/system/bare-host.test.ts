/** Hosts on which something is missing that is always there: each call ends, with a message of the registry. */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { end, type Result, run, start } from '../helpers/command.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

/** Runs remora in a mount namespace of its own, in which something was mounted on /proc before. */
function withProc(mount: string, args: readonly string[], user: readonly string[] = []): Promise<Result> {
  const command = ['unshare', '--mount', 'sh', '-c', `mount ${mount} /proc && exec "$@"`, 'sh', ...user]
  return run([...command, executable, ...args], { env: environment() })
}

const missing = '-t tmpfs none'
const hidden = '-t proc -o hidepid=2 proc'
const plain = ['setpriv', '--reuid=64001', '--regid=64001', '--clear-groups', '--']

test.each([
  ['a capture', ['capture', 'host', '-w', '/dev/null']],
  ['one that waits', ['capture', '--wait', 'nobody', '-w', '/dev/null']],
  ['one that follows', ['capture', '--follow', 'host', '-w', '/dev/null']],
  ['a list', ['list']],
  ['a watch', ['list', '--watch']],
])('%s without /proc', async (_, args) => {
  expect(await withProc(missing, args)).toMatchObject({
    status: 7,
    stderr:
      'remora: CAPTURE_FAILED: /proc does not show this process\nhint: Mount it: mount -t proc proc /proc. In a container, remora needs the processes of its host: --pid=host.\n',
  })
})

test('a process that /proc hides is forbidden, and not missing', async () => {
  const other = start(['sleep', '100'])
  try {
    const args = ['capture', `pid:${other.pid}`, '-w', '/dev/null']
    expect(await withProc(hidden, args, plain)).toMatchObject({
      status: 4,
      stderr: expect.stringContaining(`FORBIDDEN: may not open /proc/${other.pid}`),
    })
  } finally {
    await end(other.child)
  }
})

test('a capture that follows ends for want of a temporary folder too', async () => {
  const folder = scratch()
  chmodSync(folder, 0o755)
  const file = join(folder, 'file.pcapng')
  const env = environment({ TMPDIR: join(folder, 'nowhere') })
  expect(await run([executable, 'capture', '--follow', 'host', '-i', 'lo', '-w', file], { env })).toMatchObject({
    status: 7,
    stderr: expect.stringMatching(
      /^remora: CAPTURE_FAILED: cannot make a temporary folder: .*\nhint: Make room .*TMPDIR/,
    ),
  })
})
