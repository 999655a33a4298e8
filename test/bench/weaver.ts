/**
 * What the benchmark of weaving runs: takes the fifos it is given into its standard output, woven or just piped through,
 * and tells at the end what that took. `weaver.ts weave|pipe WINDOW FIFO…`
 */
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { weaveInto } from '../../src/capture/merged/merge.ts'
import { openSink } from '../../src/linux/files/sink.ts'
import { sectionHeaderBlock } from '../../src/pcapng/block.ts'
import { memoryOf } from '../helpers/process.ts'

const [mode, window, ...paths] = process.argv.slice(2)
const inputs = paths.map(path => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
process.stderr.write('ready\n')
const before = process.cpuUsage()

if (mode === 'pipe') {
  const fd = openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK)
  const output = new Socket({ fd, readable: false, writable: true }).setMaxListeners(100)
  await Promise.all(
    inputs.map(fd => {
      const input = new Socket({ fd, readable: true, writable: false })
      input.pipe(output, { end: false })
      return new Promise(resolve => input.on('end', resolve))
    }),
  )
  await new Promise<void>(resolve => output.end(resolve))
} else {
  const weave = weaveInto(openSink(1), { window: Number(window) })
  weave.add(sectionHeaderBlock('bench', ''))
  for (const fd of inputs) weave.open({ fd })
  await weave.finish()
}
const { user, system } = process.cpuUsage(before)
process.stderr.write(`${JSON.stringify({ cpu: (user + system) / 1e6, memory: memoryOf('self', 'RssAnon') })}\n`)
process.exit()
