/**
 * A program that calls itself dockerd and tells of any number of containers, at any number of sockets:
 * `hostile-engine.ts FOLDER CONTAINERS SOCKETS`.
 */
import { createServer } from 'node:http'
import { join } from 'node:path'

const [folder = '', containers = '0', sockets = '1'] = process.argv.slice(2)
process.title = 'dockerd'

const list = JSON.stringify(
  Array.from({ length: Number(containers) }, (_, number) => ({
    Id: number.toString(16).padStart(64, '0'),
    Names: [`/claimed-${number}`],
    State: 'running',
    Labels: { filler: 'x'.repeat(1_000) },
  })),
)

for (let number = 0; number < Number(sockets); number++) {
  const server = createServer(({ url = '' }, response) => {
    if (url.includes('/events')) return response.writeHead(200).flushHeaders()
    if (url.startsWith('/containers/json')) return response.end(list)
    // In a PID namespace of its own this process is its first.
    if (url.startsWith('/containers/')) return response.end(JSON.stringify({ State: { Running: true, Pid: 1 } }))
    response.end('[]')
  })
  server.listen(join(folder, `${number}.sock`))
}
