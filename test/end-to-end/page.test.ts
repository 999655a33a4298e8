/**
 * The service's page in a real browser, over real containers: what it lists, how it changes, and that its links, commands
 * and downloads capture what they say. With REMORA_SCREENSHOTS=FOLDER a picture is kept: docs/screenshots was made that way.
 */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { interfacesOf, pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Running, run, start, until } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { freePort } from '../helpers/free-port.ts'
import { dumpcapsIn, expectNoDumpcap } from '../helpers/leaks.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

/** Names that would do something if a page took them for anything but text. */
const hostile = `<img src=x onerror="document.title='taken'">`

interface Served {
  readonly url: string
  readonly running: Running
}

let engine: Docker
let browser: Browser
let service: Served
let page: Page
let folder: string
const complaints: string[] = []
beforeAll(async () => {
  folder = scratch()
  engine = await startDocker()
  await engine.docker('network', 'create', '--subnet', '172.31.79.0/24', 'shop')
  await engine.container('shop-web', ['--network', 'shop', '--label', 'tier=front'])
  await engine.container('shop-db', ['--network', 'shop'], ['ping', '-q', '-i', '0.2', 'shop-web'])
  await engine.container('shop-log', ['--network', 'container:shop-db'])
  service = await serve()
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium' })
  page = await openPage(service.url)
})
afterAll(async () => {
  await browser?.close()
  if (service) await end(service.running.child, 'SIGTERM')
  await run(['ip', 'netns', 'del', hostile])
  await engine?.close()
})
afterEach(async () => {
  await page.getByLabel('Search').fill('')
  await page.getByLabel('Capture filter').fill('')
})

/** Starts the service, on a free port unless told. */
async function serve(args: readonly string[] = [], wanted?: number): Promise<Served> {
  const port = wanted ?? (await freePort())
  const command = [executable, 'serve', '--listen', `127.0.0.1:${port}`, ...args]
  const running = start(command, { env: environment({ DOCKER_HOST: engine.env.DOCKER_HOST }) }, 600_000)
  const url = `http://127.0.0.1:${port}/`
  await until('the service answers', () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { url, running }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function openPage(url: string): Promise<Page> {
  const opened = await browser.newPage({ viewport: { width: 1100, height: 700 } })
  opened.on('pageerror', error => complaints.push(String(error)))
  opened.on('console', message => {
    // The browser itself notes every answer that is no success.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  await opened.goto(url)
  return opened
}

/** The row of a target, by its whole name. */
function row(name: string, on = page): Locator {
  return on
    .locator('#targets')
    .getByRole('row')
    .filter({ has: on.getByText(name, { exact: true }) })
}

async function netnsOf(name: string): Promise<number> {
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
  return Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
}

/** Presses the download button of a target; path of the file the browser saved. */
async function download(name: string, file: string, on = page): Promise<string> {
  const saved = on.waitForEvent('download')
  await row(name, on).getByRole('button', { name: 'Download' }).click()
  const path = join(folder, file)
  await (await saved).saveAs(path)
  return path
}

describe('the list', () => {
  test('shows what runs, with what is known of it', async () => {
    await row('shop-web').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    expect(await row('shop-web').getByRole('cell').allTextContents()).toEqual([
      'docker',
      'remora-test:1',
      '172.31.79.2',
      'loeth0',
      expect.any(String),
    ])
    expect(await row('host').getByRole('cell').first().textContent()).toBe('host')
  })

  test('puts together what shares a network', async () => {
    expect(await row('shop-log').getByRole('rowheader').textContent()).toBe('shop-logsame network: docker:shop-db')
    expect(await row('shop-db').locator('xpath=..').getByRole('row').count()).toBe(2)
  })

  test('takes names for text, whatever they look like', async () => {
    await must('ip', 'netns', 'add', hostile)
    await row(`/run/netns/${hostile}`).waitFor()
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.title()).toMatch(/^remora /)
    await row(`/run/netns/${hostile}`).getByRole('button', { name: 'Command' }).click()
    expect(await row(`/run/netns/${hostile}`).locator('code').textContent()).toBe(
      `remora capture 'named:${hostile.replaceAll(' ', '%20').replaceAll("'", "'\\''")}' --host ${service.url.slice(0, -1)} -w - | wireshark -k -i -`,
    )
    await must('ip', 'netns', 'del', hostile)
  })

  test('follows what comes and goes, and leaves the focus where it is', async () => {
    await row('shop-web').getByRole('link').focus()
    await engine.container('late', ['--network', 'shop'])
    await row('late').waitFor()
    await engine.docker('rename', 'late', 'a-later')
    await row('a-later').waitFor()
    await engine.docker('rm', '-f', 'a-later')
    await row('a-later').waitFor({ state: 'detached' })
    expect(await page.locator(':focus').getAttribute('aria-label')).toBe('Wireshark: shop-web')
  })

  test.each([
    ['tier=front', ['shop-web']],
    ['SHOP 172.31.79.99', []],
    ['SHOP 172.31.79.2', ['shop-web']],
    ['172.31.79.2 docker', ['shop-web']],
    ['docker:shop-db', ['shop-db', 'shop-log']],
  ])('is searched: %s', async (words, names) => {
    await page.getByLabel('Search').fill(words)
    expect(await page.locator('#targets tbody tr:visible bdi').allTextContents()).toEqual(names)
    expect(await page.getByText('Nothing here matches').isVisible()).toBe(names.length === 0)
  })
})

describe('a capture', () => {
  test('by a link, which says what it is of', async () => {
    const { stdout } = await remora(['list', '--json', 'shop-web'], { env: { DOCKER_HOST: engine.env.DOCKER_HOST } })
    const [{ name, type, netns, pid, starttime, prefix, 'network-interfaces': nifs }] = JSON.parse(stdout)
    const container = JSON.stringify({ name, type, netns, 'network-interfaces': nifs, pid, starttime, prefix })
    const link = row('shop-web').getByRole('link', { name: 'Wireshark' })
    const url = `packetflix:${service.url.replace('http:', 'ws:')}capture?container=${encodeURIComponent(container)}`
    expect(await link.getAttribute('href')).toBe(`${url}&nif=lo/eth0`)
    await page.getByLabel('Capture filter').fill('tcp port 80 && host 10.0.0.1')
    await row('shop-web').getByLabel('lo', { exact: true }).uncheck()
    expect(await link.getAttribute('href')).toBe(`${url}&nif=eth0&filter=tcp%20port%2080%20%26%26%20host%2010.0.0.1`)
    await row('shop-web').getByLabel('lo', { exact: true }).check()
  })

  test('by a command for a terminal', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const host = service.url.slice(0, -1)
    const command = row('shop-web').getByRole('button', { name: 'Command' })
    await command.click()
    const plain = `remora capture docker:shop-web --host ${host} -w - | wireshark -k -i -`
    expect(await row('shop-web').locator('code').textContent()).toBe(plain)
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(plain)
    await page.getByLabel('Capture filter').fill("icmp and not host 'x'")
    await row('shop-web').getByLabel('lo', { exact: true }).uncheck()
    await command.click()
    await row('shop-web').locator('code', { hasText: 'icmp' }).waitFor()
    expect(await row('shop-web').locator('code').textContent()).toBe(
      `remora capture docker:shop-web --host ${host} -i eth0 -f 'icmp and not host '\\''x'\\''' -w - | wireshark -k -i -`,
    )
    await row('shop-web').getByLabel('lo', { exact: true }).check()
  })

  test('by a download of some seconds', async () => {
    await page.getByLabel('Download seconds').fill('2')
    await row('shop-db').getByLabel('lo', { exact: true }).uncheck()
    const file = await download('shop-db', 'db.pcapng')
    expect((await pingsIn(file)).length).toBeGreaterThan(5)
    expect(await interfacesOf(file)).toMatchObject([{ name: 'eth0' }])
    await row('shop-db').getByText('Started, for 2 s').waitFor({ state: 'hidden' })
    await expectNoDumpcap(await netnsOf('shop-db'))
  })

  test('that is refused says why, and what to do', async () => {
    await page.getByLabel('Capture filter').fill('no such filter')
    await row('shop-web').getByRole('button', { name: 'Download' }).click()
    const message = row('shop-web').locator('.message')
    await message.filter({ hasText: 'filter' }).waitFor()
    expect((await message.textContent())?.split('\n')).toHaveLength(2)
    expect(await page.getByRole('status').last().textContent()).toBe(`shop-web: ${await message.textContent()}`)
  })

  test('is listed while it runs, and can be stopped', async () => {
    await page.reload()
    await page.getByLabel('Download seconds').fill('60')
    await page.getByLabel('Capture filter').fill('icmp')
    const saved = download('shop-db', 'stopped.pcapng')
    const running = page.getByRole('region', { name: 'Running captures' })
    const stop = running.getByRole('button', { name: 'Stop: docker:shop-db' })
    await stop.waitFor()
    await until('packets are counted', async () => /icmp.* s[1-9]/.test((await running.textContent()) ?? ''))
    if (process.env.REMORA_SCREENSHOTS)
      await page.screenshot({ path: join(process.env.REMORA_SCREENSHOTS, 'page.png') })
    expect(dumpcapsIn(await netnsOf('shop-db'))).toHaveLength(1)
    const begin = performance.now()
    await stop.click()
    expect((await pingsIn(await saved)).length).toBeGreaterThan(1)
    expect(performance.now() - begin).toBeLessThan(10_000)
    await running.waitFor({ state: 'hidden' })
    await expectNoDumpcap(await netnsOf('shop-db'))
  })
})

test('everything works behind a proxy, under a path of its own', async () => {
  const proxy = createServer((asked, answer) => {
    const { url = '', method, headers } = asked
    const handed = request(new URL(url.replace('/some/path/', ''), service.url), { method, headers }, inner => {
      answer.writeHead(inner.statusCode ?? 502, inner.headers)
      inner.pipe(answer)
    })
    asked.pipe(handed)
    answer.once('close', () => handed.destroy())
  })
  const port = await listen(proxy)
  const other = await openPage(`http://127.0.0.1:${port}/some/path/`)
  try {
    const link = row('shop-web', other).getByRole('link')
    expect(await link.getAttribute('href')).toContain(`packetflix:ws://127.0.0.1:${port}/some/path/capture?container=`)
    await other.getByLabel('Download seconds').fill('1')
    expect((await pingsIn(await download('shop-db', 'proxied.pcapng', other))).length).toBeGreaterThan(1)
  } finally {
    await other.close()
    proxy.closeAllConnections()
    proxy.close()
  }
})

test('an interrupted connection is told, and taken up again', async () => {
  await end(service.running.child, 'SIGTERM')
  await page.getByText('Disconnected').waitFor()
  expect(await row('shop-web').isVisible()).toBe(true)
  await engine.container('meanwhile', ['--network', 'shop'])
  await engine.docker('rm', '-f', 'shop-log')
  service = await serve([], Number(new URL(service.url).port))
  await row('meanwhile').waitFor()
  await row('shop-log').waitFor({ state: 'detached' })
  expect(await page.getByText('Disconnected').count()).toBe(0)
})

describe('where a token is needed', () => {
  test('the page asks for it, keeps it for this tab, and hands it on in links', async () => {
    const file = join(folder, 'token')
    writeFileSync(file, 'a-long-secret-for-a-test\n', { mode: 0o600 })
    const guarded = await serve(['--token-file', file])
    try {
      const other = await openPage(guarded.url)
      const field = other.getByLabel('This service needs a token')
      await field.fill('wrong')
      await field.press('Enter')
      await other.getByText('The service did not accept that token.').waitFor()
      await field.fill('a-long-secret-for-a-test')
      await field.press('Enter')
      await row('shop-web', other).waitFor()
      expect(await field.isVisible()).toBe(false)
      expect(await row('shop-web', other).getByRole('link').getAttribute('href')).toMatch(
        /&token=a-long-secret-for-a-test$/,
      )
      await other.reload()
      await row('shop-web', other).waitFor()
      expect(await other.evaluate('localStorage.length + document.cookie.length')).toBe(0)
      await other.close()
    } finally {
      await end(guarded.running.child, 'SIGTERM')
    }
  })
})

test('the browser had nothing to complain about', () => {
  expect(complaints).toEqual([])
})
