/** Why nothing comes, of real captures in real namespaces. */
import { afterAll, expect, test } from 'vitest'
import { packetsWrittenBy, watchSilence } from '../../src/capture/annotate/silence.ts'
import { resolveTarget, sharesHostNetwork } from '../../src/discover/resolve/resolve.ts'
import { type DumpcapProcess, startDumpcap } from '../../src/linux/capturing/dumpcap.ts'
import { openNamespaceFile } from '../../src/linux/namespace/netns.ts'
import { listInterfaces } from '../../src/linux/network/iproute.ts'
import { readDeviceCounters } from '../../src/linux/network/net-dev.ts'
import { isRunnable } from '../../src/linux/process/proc.ts'
import { must, run, sleep, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'

const closing: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

interface Scene {
  readonly interfaces?: readonly string[]
  readonly filter?: string
  /** Done before the capture, and while it runs. */
  readonly before?: (pair: NetnsPair) => Promise<unknown>
  readonly during?: (pair: NetnsPair) => Promise<unknown>
}

/** Captures until so many lines are said, at least for as long as one takes; all that is said. */
async function linesOf(scene: Scene, expected: number): Promise<string[]> {
  const { interfaces = ['lo', 'b0'], filter = '', before, during } = scene
  const pair = await makeNetnsPair()
  closing.push(pair.close)
  await before?.(pair)
  const namespace = openNamespaceFile(`/run/netns/${pair.receiver}`)
  const dumpcap = startDumpcap(namespace, optionsFor(interfaces, filter), 'pipe')
  closing.push(() => ended(dumpcap))
  dumpcap.stdout?.resume()
  expect(await dumpcap.ready).toBe(true)
  const { pid } = dumpcap
  const lines: string[] = []
  const watch = watchSilence(line => lines.push(line))
  watch.watch({
    ...{ target: 'web', filter, excluding: false, hostNetwork: false, interfaces },
    links: () => listInterfaces(namespace),
    captured: packetsWrittenBy(pid),
    isBehind: () => isRunnable(pid),
    counters: () => readDeviceCounters(pid),
  })
  await Promise.all([during?.(pair), sleep(4_500)])
  await until('something is said', () => lines.length >= expected)
  watch.close()
  await ended(dumpcap)
  namespace.close()
  expect(readDeviceCounters(pid)).toBeUndefined()
  return lines
}

function optionsFor(interfaces: readonly string[], filter: string) {
  const named = interfaces.map(name => ({ name, description: '' }))
  const rest = { promiscuous: true, bufferSize: 2, queueSize: 1_000_000, comment: '', stopConditions: [] }
  return { interfaces: named, filter, counting: false, ...rest }
}

function ended(dumpcap: DumpcapProcess) {
  dumpcap.send('SIGKILL')
  return dumpcap.ended
}

const inReceiver = ({ receiver }: NetnsPair, ...command: string[]) =>
  must('nsenter', `--net=/run/netns/${receiver}`, ...command)

test.concurrent.each<[string, Scene, string[]]>([
  [
    'a link whose other end is down',
    { before: ({ sender }) => must('ip', '-n', sender, 'link', 'set', 'a0', 'down') },
    ['no packet on web (lo, b0) for 3 s: the link of b0 is down (its other end is not up)'],
  ],
  [
    'a filter that nothing matches, while packets pass',
    { filter: 'tcp port 81', interfaces: ['b0'], during: pair => pair.ping(5) },
    ['no packet on web/b0 for 3 s: 10 packets passed, none matches the filter "tcp port 81"'],
  ],
  [
    'traffic on lo alone',
    { interfaces: ['b0'], during: pair => inReceiver(pair, 'ping', '-q', '-c', '3', '-i', '0.1', '127.0.0.1') },
    ['no packet on web/b0 for 3 s: traffic passes on lo only: add -i lo'],
  ],
  [
    'no traffic at all',
    {},
    ['no packet on web (lo, b0) for 3 s: nothing was sent or received since the capture began'],
  ],
  [
    'a port of a bridge that is down',
    {
      interfaces: ['br0'],
      async before({ receiver }) {
        await must('ip', '-n', receiver, 'link', 'add', 'br0', 'type', 'bridge')
        await must('ip', '-n', receiver, 'link', 'set', 'br0', 'up')
        await must('ip', '-n', receiver, 'link', 'set', 'b0', 'down', 'master', 'br0')
      },
    },
    ['no packet on web/br0 for 3 s: the link is down (b0 is down)'],
  ],
  ['one packet that is captured', { during: pair => pair.ping(1) }, []],
  [
    'one packet before the capture',
    { before: pair => pair.ping(1), interfaces: ['any'] },
    ['no packet on web (lo, b0) for 3 s: nothing was sent or received since the capture began'],
  ],
  [
    'packets that are never answered',
    {
      before: ({ sender }) => must('ip', '-n', sender, 'route', 'add', '239.0.0.0/8', 'dev', 'a0'),
      during: ({ sender }) =>
        run(['nsenter', `--net=/run/netns/${sender}`, 'ping', '-q', '-c', '20', '-i', '0.02', '-W', '1', '239.7.7.7']),
    },
    ['only packets received on web/b0, none sent: try --at peer'],
  ],
])('%s', async (_, scene, lines) => {
  expect(await linesOf(scene, lines.length)).toEqual(lines)
})

test('a process of the host has the host’s network; a namespace of its own, or the host itself, does not count', async () => {
  const signal = AbortSignal.timeout(10_000)
  const pair = await makeNetnsPair()
  closing.push(pair.close)
  const answers = await Promise.all(
    ['pid:2', 'host', `named:${pair.receiver}`].map(async reference => {
      const target = await resolveTarget(reference, { signal, names: false })
      target.namespace.close()
      return sharesHostNetwork(target)
    }),
  )
  expect(answers).toEqual([true, false, false])
})
