/**
 * Builds what people download, into dist/release with its checksums: `npm run release [-- linux-x64 linux-arm64 win-x64]`.
 *
 * It takes strip(1) of every architecture (Debian: binutils, binutils-aarch64-linux-gnu), rpmbuild(8) (rpm), dpkg-deb(1) and zip(1).
 * Times in the archives are those of the last commit, or SOURCE_DATE_EPOCH. There is no node for macOS of this version on
 * the npm registry, and an executable for macOS has to be signed there: its users take the npm package.
 */
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { $ } from 'execa'
import { version } from '../src/base/version.ts'
import { buildBundle, buildParts } from './build.ts'
import { native, nodeFor, packageFor } from './package.ts'
import { buildDeb, buildRpm } from './release/linux.ts'
import { bundleNotices, nodeNotice } from './release/notices.ts'

/** What one release is made with. */
export interface Release {
  /** Where its files go. */
  readonly folder: string
  /** For intermediate files. */
  readonly work: string
  /** Level of xz; 0 is for tests. */
  readonly level: number
}

/** Names that Linux distributions give to an architecture. */
const architectures = {
  x64: { gnu: 'x86_64', debian: 'amd64' },
  arm64: { gnu: 'aarch64', debian: 'arm64' },
} as const

/** Builds a release. @returns names of its files */
export async function release(targets: readonly string[], folder: string, level: number): Promise<string[]> {
  const work = mkdtempSync(join(tmpdir(), 'remora-release-'))
  try {
    process.env.SOURCE_DATE_EPOCH ??= (await $`git log -1 --format=%ct`).stdout
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const made: Release = { folder: resolve(folder), work, level }
    const notices = bundleNotices(await buildBundle(join(work, 'npm/remora.cjs')))
    await buildNpmPackage(made, notices)
    for (const target of targets) await buildTarget(target, made, notices)
    return writeSums(folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Builds the npm package: the bundle, which has all that it needs in it. */
async function buildNpmPackage({ folder, work }: Release, notices: string): Promise<void> {
  const { name, description, license } = JSON.parse(readFileSync('package.json', 'utf8'))
  const files = ['remora.cjs', 'THIRD-PARTY-NOTICES']
  const manifest = {
    name,
    version,
    description,
    license,
    bin: { remora: 'remora.cjs' },
    engines: { node: '>=22' },
    files,
  }
  const root = join(work, 'npm')
  writeFileSync(join(root, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  writeFileSync(join(root, 'THIRD-PARTY-NOTICES'), notices)
  cpSync('docs/installation.md', join(root, 'README.md'))
  cpSync('LICENSE', join(root, 'LICENSE'))
  await $({ cwd: root })`npm pack --silent --pack-destination ${folder}`
}

/** Builds the executable of a platform, and all that it is packed into. */
async function buildTarget(target: string, made: Release, notices: string): Promise<void> {
  const [platform = '', arch = ''] = target.split('-')
  const name = `remora-${version}-${target}`
  const root = join(made.work, name)
  mkdirSync(root)
  const executable = join(root, platform === 'win' ? 'remora.exe' : 'remora')
  const node = await nodeFor(target)
  const parts = await buildParts(join(made.work, 'parts'), target === native)
  cpSync('LICENSE', join(root, 'LICENSE'))
  writeFileSync(join(root, 'THIRD-PARTY-NOTICES'), `${notices}\n${nodeNotice(node)}`)
  if (platform === 'win') {
    await packageFor(target, parts, executable, node)
    await $({ cwd: made.work })`zip -q -X -r ${join(made.folder, `${name}.zip`)} ${name}`
    return
  }
  const names = architectures[arch as keyof typeof architectures]
  const stripped = join(made.work, `node-${target}`)
  await $`${names.gnu}-linux-gnu-strip -s -o ${stripped} ${node}`
  await packageFor(target, parts, executable, stripped)
  await buildArchive(name, made)
  const program = { executable, notices: join(root, 'THIRD-PARTY-NOTICES'), ...names }
  await buildDeb(program, made)
  await buildRpm(program, made)
}

async function buildArchive(name: string, { folder, work, level }: Release): Promise<void> {
  const fixed = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--mtime=@${process.env.SOURCE_DATE_EPOCH}`,
  ]
  const output = join(folder, `${name}.tar.xz`)
  // The output depends on whether there are threads, not on how many.
  await $({ env: { XZ_OPT: `-T2 -${level}` } })`tar -C ${work} ${fixed} -cJf ${output} ${name}`
}

function writeSums(folder: string): string[] {
  const names = readdirSync(folder).toSorted()
  const sums = names.map(
    name =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')}  ${name}\n`,
  )
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''))
  return [...names, 'SHA256SUMS']
}

if (import.meta.main) {
  const [...targets] = process.argv.slice(2)
  const all = ['linux-x64', 'linux-arm64', 'win-x64']
  const names = await release(targets.length > 0 ? targets : all, 'dist/release', 6)
  for (const name of names) console.log(join('dist/release', name))
}
