/**
 * What remora is made of besides its own sources: `npm run audit [-- --offline]`. The lock file, and what esbuild really puts
 * into the executable, are held against the policy. Whether somebody has reported a weakness only a registry knows; one
 * that does not answer is told as such, which is no failure unless REMORA_AUDIT=required in the environment.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'execa'
import { buildBundle } from './build.ts'

interface Package {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly license?: string
  readonly dev?: boolean
  readonly link?: boolean
  readonly hasInstallScript?: boolean
}

/** The parts of package-lock.json (version 3) that matter here; packages by their folder, that of the project is ''. */
export interface Lock {
  readonly lockfileVersion: number
  readonly packages: Readonly<Record<string, Package>>
}

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const licences = new Set(['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0'])
/** What only builds and tests: its licence binds nobody who gets remora. */
const toolLicences = new Set([...licences, 'MPL-2.0'])

/** Packages with a script that npm would run when it installs them; .npmrc tells it not to. */
const withScripts: Readonly<Record<string, string>> = {
  esbuild: 'puts its own binary in the place of a launcher, which works as well',
  protobufjs: 'warns about versions; comes with @grpc/proto-loader, which only tests have',
}

/** What stands against the policy, a sentence each. @param bundled names of the packages in the executable */
export function policyFaults(manifest: Manifest, lock: Lock, npmrc: string, bundled: readonly string[]): string[] {
  const { dependencies, optionalDependencies, devDependencies } = manifest
  const wanted = Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies })
  return [
    ...(lock.lockfileVersion === 3 ? [] : [`the lock file has version ${lock.lockfileVersion}`]),
    ...(/^ignore-scripts=true$/m.test(npmrc) ? [] : ['.npmrc lets packages run scripts when they are installed']),
    ...wanted.flatMap(([name, version]) =>
      /^\d+\.\d+\.\d+$/.test(version) ? [] : [`${name}@${version} is no exact version`],
    ),
    ...packagesIn(lock).flatMap(([path, entry]) => packageFaults(nameOf(path), entry)),
    ...bundled.flatMap(name =>
      runtimePackages(lock).has(name) ? [] : [`${name} is in the executable, and not a dependency`],
    ),
  ]
}

function packageFaults(
  name: string,
  { integrity, resolved, link, license = 'none', dev, hasInstallScript }: Package,
): string[] {
  const allowed = dev ? toolLicences : licences
  const offered = license.replace(/^\(|\)$/g, '').split(' OR ')
  const faults = [
    !integrity?.startsWith('sha512-') && 'has no SHA-512 sum',
    resolved !== undefined && 'names the registry it comes from',
    link && 'is no package of a registry',
    hasInstallScript && !Object.hasOwn(withScripts, name) && 'runs a script when it is installed',
    !offered.some(one => allowed.has(one)) && `has the licence ${license}`,
  ]
  return faults.flatMap(fault => (fault ? [`${name} ${fault}`] : []))
}

function packagesIn({ packages }: Lock): [path: string, entry: Package][] {
  return Object.entries(packages).filter(([path]) => path !== '')
}

function nameOf(path: string): string {
  return path.replace(/^.*node_modules\//, '')
}

function runtimePackages(lock: Lock): Map<string, Package> {
  return new Map(packagesIn(lock).flatMap(([path, entry]) => (entry.dev ? [] : [[nameOf(path), entry]])))
}

/** Names of the packages that esbuild puts into the program; of a file that is of none and not ours, its path. */
async function bundledPackages(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'remora-audit-'))
  try {
    const inputs = await buildBundle(join(folder, 'remora.cjs'))
    const names = inputs
      .filter(path => !/^(?:bin|extcap|src)\//.test(path))
      .map(path => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path)
    return [...new Set(names)].sort()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Advisories {
  /** Why the registry did not answer. */
  readonly silence?: string
  /** Names of packages somebody has reported a weakness of, with how bad it is. */
  readonly weak: readonly string[]
}

/** Reads an answer of `npm audit --json`. */
export function readAdvisories(json: string): Advisories {
  try {
    const { vulnerabilities, message, error } = JSON.parse(json)
    if (vulnerabilities === undefined) return { silence: String(message ?? error?.summary), weak: [] }
    return {
      weak: Object.entries<{ severity?: string }>(vulnerabilities).map(
        ([name, { severity }]) => `${name}: ${severity}`,
      ),
    }
  } catch {
    return { silence: 'npm audit said nothing that can be read', weak: [] }
  }
}

async function askRegistry(): Promise<Advisories> {
  // Its status says that there are weaknesses, which its output tells better.
  const { stdout } = await $({ timeout: 60_000, reject: false })`npm audit --omit=dev --json --audit-level=info`
  return readAdvisories(stdout)
}

async function audit(offline: boolean): Promise<boolean> {
  const read = (file: string) => readFileSync(file, 'utf8')
  const lock: Lock = JSON.parse(read('package-lock.json'))
  const bundled = await bundledPackages()
  const faults = policyFaults(JSON.parse(read('package.json')), lock, read('.npmrc'), bundled)
  const runtime = runtimePackages(lock)
  console.log(
    `${runtime.size} packages at run time, ${bundled.length} of them in the executable, and node ${process.versions.node}:`,
  )
  for (const name of bundled) console.log(`  ${name} ${runtime.get(name)?.version}, ${runtime.get(name)?.license}`)
  for (const fault of faults) console.error(`FAULT: ${fault}`)
  if (offline) return faults.length === 0
  const { silence, weak } = await askRegistry()
  for (const name of weak) console.error(`REPORTED: ${name} (npm audit tells more)`)
  if (silence === undefined) console.log(`reported weaknesses: ${weak.length}`)
  else console.error(`reported weaknesses: NOT ASKED, the registry does not answer (${silence})`)
  const isRequired = process.env.REMORA_AUDIT === 'required'
  return faults.length === 0 && weak.length === 0 && !(isRequired && silence !== undefined)
}

if (import.meta.main) process.exitCode = (await audit(process.argv.includes('--offline'))) ? 0 : 1
