/**
 * Builds the program: dist/remora.cjs, all of it in one file that runs on node 22 and later; and the parts of the
 * executable. CommonJS, since that is what a single-file executable starts from, and what V8 can keep compiled.
 */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { execa } from 'execa'

const common: BuildOptions = {
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // A script of the executable has no import(): what is left of it, for modules of node, becomes require().
  supported: { 'top-level-await': true, 'dynamic-import': false },
  // What debug takes along where somebody else has happened to install it.
  external: ['supports-color'],
  legalComments: 'eof',
  logLevel: 'warning',
}

/** The page of the service: its files are not beside the bundle, so what the module read from them goes in instead of it. */
const embedPage: Plugin = {
  name: 'embed-page',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/]serve[\\/]page[\\/]assets\.ts$/ }, async ({ path }) => {
      const { pageAssets } = await import(pathToFileURL(path).href)
      return { contents: `export const pageAssets = ${JSON.stringify(pageAssets)}`, loader: 'js' }
    })
  },
}

/** Builds the bundle. @returns paths of all that is in it */
export async function buildBundle(outfile = 'dist/remora.cjs'): Promise<string[]> {
  const entry = { entryPoints: ['bin/remora.ts'], outfile, plugins: [embedPage] }
  const { metafile } = await build({ ...common, ...entry, metafile: true })
  chmodSync(outfile, 0o755)
  return Object.keys(metafile.inputs)
}

/** A script and the files it loads from within the executable. */
export interface Parts {
  readonly main: string
  /** Paths by the names they are asked for. */
  readonly assets: Readonly<Record<string, string>>
}

/** What the entry loads one of: a process has one face, so each is a script of its own, with all it needs of ours. */
const faces: Readonly<Record<string, string>> = {
  extcap: 'extcap/main.ts',
  cli: 'src/cli/main.ts',
  serve: 'src/serve/main.ts',
  guard: 'src/linux/capturing/guard.ts',
}

/**
 * Builds the parts of the executable: a few lines that load the entry, the entry, the faces, and the npm packages they ask
 * for, which know nothing of our code. Each comes with what V8 compiled of it, since reading a script without takes 9 ms for
 * each MB.
 * @param cached whether the node that runs this is the one that will be in the executable
 */
export async function buildParts(folder: string, cached: boolean): Promise<Parts> {
  const groups = new Map<string, Set<string>>()
  const script = (entry: string, name: string, plugins: readonly Plugin[]) =>
    build({ ...wrapped, entryPoints: [entry], outfile: join(folder, `${name}.cjs`), plugins: [...plugins] })
  await script('bin/remora.ts', 'program', [loadFaces])
  for (const [name, entry] of Object.entries(faces)) await script(entry, name, [embedPage, putAside(groups)])
  for (const [group, names] of groups) {
    const contents = [...names].map(name => `get ${JSON.stringify(name)}() { return require(${JSON.stringify(name)}) }`)
    const stdin = { contents: `module.exports = { ${contents.join(',')} }`, resolveDir: '.', loader: 'js' as const }
    await build({ ...wrapped, stdin, outfile: join(folder, `${group}.cjs`) })
  }
  const main = join(folder, 'main.cjs')
  writeFileSync(main, loader)
  const names = ['program', ...Object.keys(faces), ...groups.keys()]
  if (cached) for (const name of names) await makeCodeCache(folder, name)
  const assets = names.flatMap(name => [`${name}.cjs`, ...(cached ? [`${name}.cache`] : [])])
  return { main, assets: Object.fromEntries(assets.map(name => [name, join(folder, name)])) }
}

/** As a function, so that it can be run without node's module loader, which keeps no code cache. */
const wrapped: BuildOptions = {
  ...common,
  banner: { js: '(function (module, exports, require) {' },
  footer: { js: '})' },
}

/** The first script of the executable. */
const loader = `'use strict'
const { getAsset, getRawAsset, getAssetKeys } = require('node:sea')
const { Script } = require('node:vm')
const cached = new Set(getAssetKeys().filter(key => key.endsWith('.cache')))
globalThis.loadRemora = name => {
  const cache = name + '.cache'
  const cachedData = cached.has(cache) ? Buffer.from(getRawAsset(cache)) : undefined
  const module = { exports: {} }
  const script = new Script(getAsset(name + '.cjs', 'latin1'), { filename: name, cachedData })
  script.runInThisContext()(module, module.exports, require)
  return module.exports
}
loadRemora('program')
`

async function makeCodeCache(folder: string, name: string): Promise<void> {
  await execa(process.execPath, [fileURLToPath(new URL('code-cache.ts', import.meta.url)), folder, name])
}

/** In place of each face what loads it from the executable. */
const loadFaces: Plugin = {
  name: 'load-faces',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.ts$/ }, ({ path, kind }) => {
      const [name] = Object.entries(faces).find(([, entry]) => path === `../${entry}`) ?? []
      return kind === 'dynamic-import' && name !== undefined ? { path: name, namespace: 'face' } : undefined
    })
    onLoad({ filter: /./, namespace: 'face' }, ({ path }) => ({ contents: `module.exports = loadRemora('${path}')` }))
  },
}

/** Packages that are needed together; those without a group of their own are the service's. A client reads answers only. */
function groupOf(name: string): string {
  return ['commander', 'execa', 'valibot'].includes(name) ? name : 'service'
}

/** Packages of a few kB that every listing needs. */
const small = new Set(['eventsource-parser', 'pbf'])

/** In place of each package a module that loads its group from the executable. */
function putAside(groups: Map<string, Set<string>>): Plugin {
  return {
    name: 'put-aside',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[^./]/ }, ({ path, kind, namespace }) => {
        if (namespace !== 'file' || kind === 'entry-point' || path.startsWith('node:') || small.has(path))
          return undefined
        const group = groupOf(path)
        groups.set(group, (groups.get(group) ?? new Set()).add(path))
        return { path, namespace: 'package' }
      })
      onResolve({ filter: /^group:/ }, ({ path }) => ({ path: path.slice('group:'.length), namespace: 'group' }))
      onLoad({ filter: /./, namespace: 'package' }, ({ path }) => ({
        contents: `module.exports = require('group:${groupOf(path)}')[${JSON.stringify(path)}]`,
      }))
      onLoad({ filter: /./, namespace: 'group' }, ({ path }) => ({
        contents: `module.exports = loadRemora('${path}')`,
      }))
    },
  }
}

if (import.meta.main) await buildBundle()
