/**
 * The files of the page, by their path. Read from beside this file when the sources run; the bundle, which has nothing beside
 * it, carries what this file exported when it was built (scripts/build.ts).
 */
import { readFileSync } from 'node:fs'

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
} as const

const scripts = ['page.js', 'api.js', 'captures.js', 'dom.js', 'links.js', 'target.js', 'targets.js']

/** Type and content by path. */
export const pageAssets: Readonly<Record<string, { readonly type: string; readonly body: string }>> = {
  '/': asset('page.html', types.html),
  '/page.css': asset('page.css', types.css),
  ...Object.fromEntries(scripts.map(name => [`/${name}`, asset(name, types.js)])),
}

function asset(name: string, type: string): { type: string; body: string } {
  return { type, body: readFileSync(new URL(name, import.meta.url), 'utf8') }
}
