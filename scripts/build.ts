/**
 * Builds dist/remora.cjs: the whole program in one file that runs on node 22 and later. CommonJS, since that is what a
 * single-file executable starts from, and what V8 can keep compiled.
 */
import { chmodSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

export async function buildBundle(outfile = 'dist/remora.cjs'): Promise<void> {
  await build({
    entryPoints: ['bin/remora.ts'],
    outfile,
    bundle: true,
    minifySyntax: true,
    minifyWhitespace: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    supported: { 'top-level-await': true },
    // A quarter of all there is, and asked for only by gRPC servers that describe themselves.
    external: ['@grpc/proto-loader'],
    legalComments: 'eof',
    logLevel: 'warning',
    plugins: [embedPage],
  })
  chmodSync(outfile, 0o755)
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

if (import.meta.main) await buildBundle()
