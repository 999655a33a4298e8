/** A stand-in for Docker at a socket: it lists the containers it is told of, each a process that is there. */
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

export interface FakeContainer {
  readonly name: string
  readonly pid: number
  readonly labels?: Readonly<Record<string, string>>
}

export interface FakeDocker {
  /** Environment in which it is found. */
  readonly env: NodeJS.ProcessEnv
  /** Starts a container, and tells of it. */
  add(container: FakeContainer): void
  /** Tells of containers that have started, once more. */
  tell(): void
  /** How often it was asked for its list. */
  asked(): number
  close(): void
}

const idOf = ({ name }: FakeContainer) => Buffer.from(name).toString('hex').padEnd(64, '0')

export async function fakeDocker(): Promise<FakeDocker> {
  const containers: FakeContainer[] = []
  const listeners = new Set<ServerResponse>()
  let asked = 0
  const socket = join(scratch(), 'docker.sock')
  const server = createServer(({ url = '' }, response) => {
    const [, id] = /\/containers\/(\w+)\/json/.exec(url) ?? []
    const one = containers.find(container => idOf(container) === id)
    if (url.includes('/events')) {
      response.writeHead(200).flushHeaders()
      listeners.add(response)
    } else if (id === undefined) {
      asked++
      response.end(JSON.stringify(containers.map(listed)))
    } else {
      response.statusCode = one === undefined ? 404 : 200
      const state = { Running: true, Pid: one?.pid, StartedAt: '2026-01-01T00:00:00Z' }
      response.end(JSON.stringify(one === undefined ? {} : { State: state }))
    }
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const tell = () => {
    for (const listener of listeners) for (const container of containers) listener.write(startOf(container))
  }
  return {
    env: { ...process.env, DOCKER_HOST: `unix://${socket}` },
    add(container) {
      containers.push(container)
      tell()
    },
    tell,
    asked: () => asked,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function listed(container: FakeContainer): Record<string, unknown> {
  const { name, labels = {} } = container
  return { Id: idOf(container), Names: [`/${name}`], Image: 'x', Created: 1, State: 'running', Labels: labels }
}

function startOf(container: FakeContainer): string {
  const actor = { ID: idOf(container), Attributes: { name: container.name } }
  return `${JSON.stringify({ Type: 'container', Action: 'start', Actor: actor })}\n`
}
