import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chooseHost } from '../../../src/host/choose.ts'
import { thisMachine } from '../../../src/host/local.ts'
import { run } from '../../helpers/command.ts'
import { scratch } from '../../helpers/scratch.ts'

test('an empty name of a host is no way to this host', async () => {
  expect(await chooseHost({}, { REMORA_SOCKET: '/nonexistent' })).toBe(thisMachine)
  await expect(chooseHost({ host: '' }, {})).rejects.toThrow(/is no address/)
})

test('the socket of a service that was killed is no way either', async () => {
  const path = join(scratch(), 'socket')
  const listen = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  await run([process.execPath, '-e', listen, path])
  expect(existsSync(path)).toBe(true)
  expect(await chooseHost({}, { REMORA_SOCKET: path })).toBe(thisMachine)
  const server = createServer().listen(`${path}-2`)
  expect(await chooseHost({}, { REMORA_SOCKET: `${path}-2` })).toMatchObject({ name: `unix:${path}-2` })
  server.close()
})

test('what is for a service is refused without one', async () => {
  await expect(chooseHost({ insecure: true }, {})).rejects.toMatchObject({ code: 'USAGE' })
})
