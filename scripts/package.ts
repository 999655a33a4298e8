/**
 * Builds single-file executables: `npm run package [-- linux-x64 linux-arm64 win-x64 macos-x64 macos-arm64]`.
 *
 * @yao-pkg/pkg injects the bundle into the node of the npm package `node-<platform>-<arch>`, at the version that is
 * running, so nothing is fetched from anywhere but the npm registry. V8's compiled code goes in too, but only where the
 * generating node is the one that will run it: elsewhere it would be rejected.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { $ } from 'execa'
import { buildBundle, buildParts, type Parts } from './build.ts'

interface SeaOptions {
  readonly targets: readonly { platform: string; arch: string; nodeRange: string; output: string }[]
  readonly nodePath: string
  readonly useLocalNode: boolean
  readonly signature: boolean
  readonly seaConfig: {
    useCodeCache: boolean
    useSnapshot: boolean
    disableExperimentalSEAWarning: boolean
    execArgvExtension: 'none'
    execArgv: readonly string[]
    assets: Readonly<Record<string, string>>
  }
}

const require = createRequire(import.meta.url)
const sea = require('@yao-pkg/pkg/lib-es5/sea').default as (entry: string, options: SeaOptions) => Promise<void>
/** The platform of this machine, as a target. */
export const native = `${process.platform}-${process.arch}`
const packageNames: Record<string, string> = { macos: 'darwin', win: 'win', linux: 'linux' }

/**
 * Builds one executable.
 * @param target `linux-x64`, `win-x64` …
 * @param node path of the node that goes into it
 */
export async function packageFor(
  target: string,
  parts: Parts,
  output = outputFor(target),
  node?: string,
): Promise<void> {
  const [platform = '', arch = ''] = target.split('-')
  // An executable that is running cannot be written to, and can be replaced.
  const fresh = `${resolve(output)}.new`
  await sea(resolve(parts.main), {
    targets: [{ platform, arch, nodeRange: `node${process.versions.node}`, output: fresh }],
    nodePath: node ?? (await nodeFor(target)),
    useLocalNode: true,
    signature: true,
    seaConfig: {
      useCodeCache: target === native,
      useSnapshot: false,
      disableExperimentalSEAWarning: true,
      // What NODE_OPTIONS would load, or print, is meant for other programs.
      execArgvExtension: 'none',
      // The young generation of V8 grows to 150 MB otherwise, though hardly 20 MB are in use.
      execArgv: ['--max-semi-space-size=8'],
      assets: Object.fromEntries(Object.entries(parts.assets).map(([name, path]) => [name, resolve(path)])),
    },
  })
  renameSync(fresh, output)
  console.log(output)
}

function outputFor(target: string): string {
  if (target === native) return 'dist/remora'
  return `dist/remora-${target}${target.startsWith('win') ? '.exe' : ''}`
}

/** Path of the node binary of a platform, fetched from the npm registry where it is not installed. */
export async function nodeFor(target: string, version = process.versions.node): Promise<string> {
  const [platform = '', arch = ''] = target.split('-')
  const name = `node-${packageNames[platform] ?? platform}-${arch}`
  const binary = platform === 'win' ? 'bin/node.exe' : 'bin/node'
  const installed = join('node_modules', name, binary)
  if (version === process.versions.node && existsSync(installed)) return resolve(installed)
  const folder = resolve('node_modules/.cache/node', `${name}-${version}`)
  if (!existsSync(join(folder, 'package', binary))) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const { stdout: archive } = await $({ cwd: folder })`npm pack --silent ${name}@${version}`
    await $({ cwd: folder })`tar -xzf ${archive}`
    rmSync(join(folder, archive))
  }
  return join(folder, 'package', binary)
}

/** Builds the bundle, and executables of it; without a target for this machine. */
export async function packageAll(targets: readonly string[] = []): Promise<void> {
  await buildBundle()
  for (const target of targets.length > 0 ? targets : [native]) {
    await packageFor(target, await buildParts('dist/parts', target === native))
  }
}

if (import.meta.main) await packageAll(process.argv.slice(2))
