/** The licences of what is in the bundle and the executables, which have to come with every copy. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Licences of the npm packages in the bundle. @param inputs paths of all that is in it */
export function bundleNotices(inputs: readonly string[]): string {
  const folders = inputs.flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])
  return [...new Set(folders)].toSorted().map(noticeOf).join('\n')
}

/** Licence of a node, of which the npm package has the one of node itself. @param node path of the binary */
export function nodeNotice(node: string): string {
  return noticeOf(dirname(dirname(node)))
}

function noticeOf(folder: string): string {
  const name = folder.replace(/^.*node_modules\//, '')
  const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry))
  // Some packages name their licence only.
  const text = file === undefined ? licenceOf(folder) : readFileSync(join(folder, file), 'utf8').trim()
  return `${name}\n\n${text}\n`
}

function licenceOf(folder: string): string {
  const { license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return `${license}, by ${author?.name ?? author ?? 'its authors'}`
}
