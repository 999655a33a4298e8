/**
 * A process that captures with tcpdump and says so, to be killed or run as somebody else:
 * `node tcpdump-owner.ts PID-OR-PATH INTERFACE`. Prints the process number of the capture when it is armed, and its bytes
 * once a packet is among them.
 */
import { startTcpdump } from '../../src/linux/capturing/tcpdump.ts'
import { openNamespaceFile, openProcessNamespace } from '../../src/linux/namespace/netns.ts'

const [where = '', nif = ''] = process.argv.slice(2)
const namespace = /^\d+$/.test(where) ? openProcessNamespace(Number(where)) : openNamespaceFile(where)
const capture = startTcpdump(namespace, { interface: nif, filter: '', promiscuous: true, bufferSize: 2 }, 'pipe')
const header = 24
let bytes = 0
capture.stdout?.on('data', (chunk: Buffer) => {
  bytes += chunk.length
  if (bytes > header) console.log(`bytes ${bytes}`)
})
if (await capture.ready) console.log(`armed ${capture.pid}`)
const { messages } = await capture.ended
console.log(`ended ${messages.complaint ?? ''}`)
