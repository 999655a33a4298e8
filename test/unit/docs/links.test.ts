/** Links between the documents lead somewhere, and docs/README.md lists every page. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const pages = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'deploy/README.md', ...globSync('docs/**/*.md')]

/** Targets of the links and images of a page that are not elsewhere on the network, without code blocks. */
function linksOf(page: string): string[] {
  const text = readFileSync(page, 'utf8').replaceAll(/^```.*?^```/gms, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter(link => !/^\w+:/.test(link))
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

function isBroken(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(file)) return true
  return anchor !== undefined && !(statSync(file).isFile() && anchorsOf(file).includes(anchor))
}

describe.each(pages)('%s', page => {
  test('has no broken link', () => expect(linksOf(page).filter(link => isBroken(page, link))).toEqual([]))
})

test('the index lists every page', () => {
  const listed = linksOf('docs/README.md').map(link => join('docs', link))
  const unlisted = globSync('docs/**/*.md').filter(
    page => page !== 'docs/README.md' && !listed.some(path => !relative(path, page).startsWith('..')),
  )
  expect(unlisted).toEqual([])
})

test('comments name pages that exist', () => {
  const sources = globSync('{bin,extcap,src,scripts,test,deploy}/**/*.{ts,sh,yaml}')
  const missing = sources.flatMap(source =>
    [...readFileSync(source, 'utf8').matchAll(/\bdocs\/[\w/.-]*\w/g)].flatMap(([path]) =>
      existsSync(path) ? [] : [`${source}: ${path}`],
    ),
  )
  expect(missing).toEqual([])
})

test('the architecture names files that exist', () => {
  // Files of src go without their folder and their extension; an export of one follows a dot.
  const named = readFileSync('ARCHITECTURE.md', 'utf8').matchAll(/`(((?:[a-z-]+\/)+[a-z0-9-]+)(?:\.[a-zA-Z]+)?)`/g)
  const missing = [...named].flatMap(([, whole = '', path = '']) =>
    [whole, path, `src/${path}`, `${path}.ts`, `src/${path}.ts`].some(place => existsSync(place)) ? [] : [whole],
  )
  expect(missing).toEqual([])
})
