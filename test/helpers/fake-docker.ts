/** A stand-in for Docker at a socket: it lists the containers it is told of, each a process that is there. */
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

export interface FakeContainer {
  readonly name: string
  readonly pid: number
  readonly labels?: Readonly<Record<string, string>>
  /** Variables of its environment, `KEY=VALUE` each. */
  readonly variables?: readonly string[]
  /** Made of its first name unless said otherwise. */
  readonly id?: string
}

export interface FakeDocker {
  /** Environment in which it is found. */
  readonly env: NodeJS.ProcessEnv
  /** Starts a container, and tells of it. */
  add(container: FakeContainer): void
  /** Tells of containers that have started, once more. */
  tell(): void
  /** Ends a container, and tells of it. */
  remove(name: string): void
  /** Calls a container something else, and tells of it. */
  rename(name: string, other: string): void
  /** How often it was asked for its list. */
  asked(): number
  /** How often it was asked for a closer look at a container. */
  inspected(): number
  /** How often it was asked what it is. */
  askedAbout(): number
  close(): void
}

const idOf = ({ name, id }: FakeContainer) => id ?? Buffer.from(name).toString('hex').padEnd(64, '0')

export async function fakeDocker(): Promise<FakeDocker> {
  const containers: FakeContainer[] = []
  const listeners = new Set<ServerResponse>()
  let asked = 0
  let inspected = 0
  let askedAbout = 0
  const socket = join(scratch(), 'docker.sock')
  const server = createServer(({ url = '' }, response) => {
    const [, id] = /\/containers\/(\w+)\/json/.exec(url) ?? []
    const one = containers.find(container => idOf(container) === id)
    if (url.includes('/events')) {
      response.writeHead(200).flushHeaders()
      listeners.add(response)
    } else if (url === '/info') {
      askedAbout++
      response.end(JSON.stringify({ ID: 'fake', ServerVersion: '1.2.3' }))
    } else if (id === undefined) {
      asked++
      response.end(JSON.stringify(containers.map(listed)))
    } else {
      inspected++
      response.statusCode = one === undefined ? 404 : 200
      const state = { Running: true, Pid: one?.pid, StartedAt: '2026-01-01T00:00:00Z' }
      response.end(JSON.stringify(one === undefined ? {} : { State: state, Config: { Env: one.variables ?? [] } }))
    }
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const tell = () => {
    for (const container of containers) send('start', container)
  }
  const send = (action: string, container: FakeContainer) => {
    for (const listener of listeners) listener.write(eventOf(action, container))
  }
  /** Takes a container out of the list. */
  const take = (name: string): FakeContainer => {
    const [container] = containers.splice(
      containers.findIndex(one => one.name === name),
      1,
    )
    if (container === undefined) throw new Error(`no container ${name}`)
    return container
  }
  return {
    env: { ...process.env, DOCKER_HOST: `unix://${socket}` },
    add(container) {
      containers.push(container)
      tell()
    },
    tell,
    remove: name => send('die', take(name)),
    rename(name, other) {
      const renamed = { id: idOf({ name, pid: 0 }), ...take(name), name: other }
      containers.push(renamed)
      send('rename', renamed)
    },
    asked: () => asked,
    inspected: () => inspected,
    askedAbout: () => askedAbout,
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

function eventOf(action: string, container: FakeContainer): string {
  const actor = { ID: idOf(container), Attributes: { name: container.name } }
  return `${JSON.stringify({ Type: 'container', Action: action, Actor: actor })}\n`
}
