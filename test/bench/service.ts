/**
 * A capture service for measurements, and a stand-in for dumpcap that feeds it: `remora serve` and `remora capture --host`
 * as they are built, only that the first `dumpcap` on their PATH is a script that writes what the measurement wants. So
 * everything between dumpcap's pipe and the client's output is the real thing, at a rate no network here could make.
 */
import { writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { end, start, until } from '../helpers/command.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

export interface BenchService {
  readonly pid: number
  /** HOST:PORT. */
  readonly address: string
  /** Value of a sample of GET /metrics, by its name and labels; asking resets the delay of the event loop. */
  metric(sample: string): Promise<number>
  close(): Promise<void>
}

/** Starts a service; it ends with the measurement, within ten minutes. */
export async function startService(
  env: NodeJS.ProcessEnv = environment(),
  program: string = executable,
): Promise<BenchService> {
  const running = start([program, 'serve', '--listen', '127.0.0.1:0', '--log-level', 'info'], { env }, 600_000)
  const address = () => /"addresses":\["(?:http:\/\/)?([\d.]+:\d+)"/.exec(running.stderr())?.[1]
  await until('the service listens', () => address() !== undefined)
  return {
    pid: running.pid,
    address: address() ?? '',
    async metric(sample) {
      const text = await (await fetch(`http://${address()}/metrics`)).text()
      return Number(
        text
          .split('\n')
          .find(line => line.startsWith(`${sample} `))
          ?.slice(sample.length),
      )
    },
    close: () => end(running.child, 'SIGTERM'),
  }
}

/** An environment in which dumpcap says that it is armed, and then is another command (of sh). */
export function withDumpcap(command: string): NodeJS.ProcessEnv {
  const folder = scratch()
  writeFileSync(join(folder, 'dumpcap'), `#!/bin/sh\necho 'File: -' >&2\n${command}\n`, { mode: 0o755 })
  return environment({ PATH: [folder, process.env.PATH].join(delimiter), DOCKER_HOST: 'unix:///nonexistent' })
}
