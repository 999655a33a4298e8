/**
 * Wireshark's window, under a virtual display: the interfaces are listed, the dialog is filled with real targets, and a
 * double click captures. With REMORA_SCREENSHOTS=FOLDER the pictures are kept: docs/screenshots was made that way.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entryContent } from '../../src/setup/url-handler.ts'
import { end, must, type Running, run, sleep, start, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { dumpcapsIn, expectNoDumpcap } from '../helpers/leaks.ts'
import { environment, executable, startRemora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

describe.runIf(process.env.REMORA_TEST_ALL)("in Wireshark's window", () => {
  let engine: Docker
  let display: Running
  let folder: string
  let home: string
  let env: NodeJS.ProcessEnv
  beforeAll(async () => {
    folder = scratch()
    home = wiresharkHome()
    engine = await startDocker()
    await engine.docker('network', 'create', '--subnet', '172.31.78.0/24', 'shop')
    await engine.container('web', ['--network', 'shop'])
    await engine.container('db', ['--network', 'shop'], ['ping', '-q', '-i', '0.3', 'web'])
    display = start(['Xvfb', ':93', '-screen', '0', '1280x800x24'], { stdio: 'ignore' }, 600_000)
    env = environment({
      DISPLAY: ':93',
      HOME: home,
      XDG_RUNTIME_DIR: scratch(),
      DOCKER_HOST: engine.env.DOCKER_HOST,
      REMORA_LOG_FILE: join(folder, 'log'),
      REMORA_LOG_LEVEL: 'debug',
    })
    await until(
      'the display is there',
      async () => (await run(['xdotool', 'getdisplaygeometry'], { env })).status === 0,
    )
  })
  afterAll(async () => {
    if (display) await end(display.child, 'SIGTERM')
    await engine?.close()
  })

  const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '')
  const pointer = async (...args: (string | number)[]) => void (await run(['xdotool', ...args.map(String)], { env }))

  /** Waits for a window by its title; its place on the screen. */
  async function window(title: string): Promise<{ id: string; x: number; y: number }> {
    const find = async () =>
      (await run(['xdotool', 'search', '--onlyvisible', '--name', title], { env })).stdout.trim().split('\n')[0] ?? ''
    await until(`a window is called ${title}`, async () => (await find()) !== '', 20_000)
    const id = await find()
    const geometry = (await run(['xdotool', 'getwindowgeometry', id], { env })).stdout
    const [, x, y] = /Position: (\d+),(\d+)/.exec(geometry) ?? []
    return { id, x: Number(x), y: Number(y) }
  }

  async function screenshot(name: string): Promise<void> {
    const file = join(folder, `${name}.png`)
    await run(['import', '-window', 'root', file], { env })
    if (!process.env.REMORA_SCREENSHOTS) return
    mkdirSync(process.env.REMORA_SCREENSHOTS, { recursive: true })
    copyFileSync(file, join(process.env.REMORA_SCREENSHOTS, `${name}.png`))
  }

  async function netnsOf(name: string): Promise<number> {
    const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
    return Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
  }

  /** Height on the screen of remora's row: rows of interfaces are 17 pixels high, those with a gear 18. */
  async function rowOfRemora(): Promise<number> {
    const { stdout } = await run(['tshark', '-D'], { env })
    const names = stdout.split('\n').flatMap(line => /^\d+\. (\S+)/.exec(line)?.[1] ?? [])
    const natives = names.indexOf('ciscodump')
    return 229.5 + 17 * natives + 18 * (names.indexOf('remora') - natives) + 9
  }

  test('the dialog lists real targets, and a double click captures the one that was chosen', async () => {
    const wireshark = start(['wireshark'], { env, stdio: 'ignore' }, 100_000)
    try {
      const main = await window('The Wireshark Network Analyzer')
      await pointer('windowmove', main.id, 0, 0, 'windowsize', main.id, 1280, 800)
      await until(
        'every interface was asked for its link types',
        () => (log().match(/extcap-dlts/g)?.length ?? 0) >= 3,
        20_000,
      )
      await sleep(1_500)
      await screenshot('interfaces')

      const row = await rowOfRemora()
      await pointer('mousemove', 169, row, 'click', 1)
      const dialog = await window('Interface Options: Container capture')
      const before = log().length
      await pointer('mousemove', dialog.x + 492, dialog.y + 62, 'click', 1)
      await until('the targets are reloaded', () => log().slice(before).includes('"--extcap-reload-option","target"'))
      await sleep(500)
      await pointer('mousemove', dialog.x + 292, dialog.y + 62, 'click', 1)
      await sleep(700)
      await screenshot('targets')
      for (const key of ['Down', 'Down', 'Return']) {
        await pointer('key', key)
        await sleep(200)
      }
      await pointer('mousemove', dialog.x + 483, dialog.y + 124, 'click', 1)
      await until('the interfaces of web are reloaded', () => /"interface","--target","docker:web"/.test(log()))
      await sleep(500)
      await pointer('mousemove', dialog.x + 170, dialog.y + 26, 'click', 1)
      await sleep(500)
      await screenshot('options')
      await pointer('mousemove', dialog.x + 250, dialog.y + 26, 'click', 1)
      await sleep(500)
      await screenshot('together')
      await pointer('mousemove', dialog.x + 376, dialog.y + 415, 'click', 1)
      await sleep(500)

      await pointer('mousemove', 310, row, 'click', '--repeat', 2, '--delay', 60, 1)
      await window('Capturing from Container capture')
      const inode = await netnsOf('web')
      await until('dumpcap runs in the container', () => dumpcapsIn(inode).length > 0)
      await sleep(3_000)
      await screenshot('capturing')
      // The red button.
      await pointer('mousemove', 53, 41, 'click', 1)
      await expectNoDumpcap(inode)
      await until('it ended as it was asked to', () => /"end":"stopped","complete":true/.test(log()))
      expect(log()).not.toMatch(/ error /)
    } finally {
      await end(wireshark.child)
    }
  })

  test('remora open shows the target in a window of its own, with the profile, and ends with it', async () => {
    expect((await run([executable, 'install', '--user'], { env })).status).toBe(0)
    const running = startRemora(['open', 'db'], { env })
    const inode = await netnsOf('db')
    const { id } = await window('/db \\[db .* remora\\]')
    await pointer('windowmove', id, 0, 0, 'windowsize', id, 1280, 800)
    await until('dumpcap runs in the container', () => dumpcapsIn(inode).length > 0)
    await sleep(2_500)
    await screenshot('open')
    const stdout = await must('pgrep', '-f', '[-]C remora .*gui.window_title:db')
    for (const pid of stdout.trim().split('\n')) process.kill(Number(pid), 'SIGTERM')
    expect((await running.result).status).toBe(0)
    await expectNoDumpcap(inode)
  })

  test('a packetflix: link opens Wireshark on the capture of a service', async () => {
    const service = start([executable, 'serve', '--listen', '127.0.0.1:5093'], { env, stdio: 'ignore' }, 100_000)
    const container = encodeURIComponent(JSON.stringify({ name: 'db', type: 'docker' }))
    const link = `packetflix:ws://127.0.0.1:5093/capture?container=${container}&nif=eth0`
    const [, exec = ''] = /^Exec=(.*)$/m.exec(entryContent) ?? []
    await until(
      'the service answers',
      async () => (await run(['curl', '-sf', 'http://127.0.0.1:5093/healthz'])).status === 0,
    )
    const wireshark = start(exec.replace('%u', link).split(' '), { env, stdio: 'ignore' }, 100_000)
    try {
      const { id } = await window('Capturing from packetflix')
      await pointer('windowmove', id, 0, 0, 'windowsize', id, 1280, 800)
      const inode = await netnsOf('db')
      await until('dumpcap runs in the container', () => dumpcapsIn(inode).length > 0)
      await sleep(2_500)
      await screenshot('link')
      await pointer('mousemove', 53, 41, 'click', 1)
      await expectNoDumpcap(inode)
    } finally {
      await end(wireshark.child)
      await end(service.child, 'SIGTERM')
    }
  })

  test('remora open without a display says what to do', async () => {
    const { status, stderr } = await run([executable, 'open', 'db'], { env: { ...env, DISPLAY: '' } })
    expect([status, stderr]).toEqual([2, expect.stringMatching(/there is no display.*\nhint: .*ssh HOST/)])
  })
})
