/**
 * The list of targets, kept true by the service's events. Events are gathered until the browser draws: a thousand targets at
 * once cost one pass, and a page that nobody looks at does nothing.
 */
import { arrange, byId, fill, fromTemplate, input, keepingFocus } from './dom.js'
import { makeRow } from './target.js'

/** @typedef {import('./target.js').Target} Target @typedef {import('./target.js').Row} Row */

/** @type {Map<string, Row>} */
const rows = new Map()
/** @type {Map<string, HTMLElement>} One `tbody` for each network stack. */
const stacks = new Map()
/** @type {Map<string, Target | undefined>} What changed since the last drawing; undefined: it is gone. */
const pending = new Map()
/** @type {Set<string> | undefined} What a new stream has told of so far; undefined once it has told of everything. */
let told
let scheduled = false

/** A new stream begins: it tells of everything that is there. */
export function beginTargets() {
  told = new Set()
}

/** The stream has told of everything: what it did not mention is gone. */
export function targetsReady() {
  for (const key of rows.keys()) if (told?.has(key) === false) pending.set(key, undefined)
  told = undefined
  schedule()
}

/** @param {import('../../protocol/v1/events.ts').TargetEventJson} told */
export function takeTarget({ event, target }) {
  const key = target.key ?? target.reference
  if (event === 'gone' && !rows.has(key)) pending.delete(key)
  else pending.set(key, event === 'gone' ? undefined : target)
  told?.add(key)
  schedule()
}

/** Shows what the search field asks for. */
export function search() {
  const words = input('search').value.toLowerCase().split(/\s+/)
  for (const row of rows.values()) row.search(words)
  const shown = [...rows.values()].filter(({ element }) => !element.hidden).length
  fill(byId('count'), shown === rows.size ? `${shown} targets` : `${shown} of ${rows.size} targets`)
  byId('empty').hidden = shown > 0 || rows.size === 0
}

/** The filter or the token is another one. */
export function updateLinks() {
  for (const row of rows.values()) row.updateLink()
}

function schedule() {
  if (!scheduled) requestAnimationFrame(() => keepingFocus(draw, nextTo))
  scheduled = true
}

/** @type {Element | null | undefined} The row after one that had the focus and is gone. */
let follower

const nextTo = () => follower?.querySelector('a') ?? input('search')

function draw() {
  scheduled = false
  for (const [key, target] of pending) {
    const row = rows.get(key)
    if (target === undefined) {
      const { element } = row ?? {}
      if (element?.contains(document.activeElement)) {
        follower = element.nextElementSibling ?? element.parentElement?.nextElementSibling
      }
      element?.remove()
      rows.delete(key)
    } else if (row === undefined) rows.set(key, makeRow(target))
    else row.update(target)
  }
  pending.clear()
  order()
  search()
}

const collator = new Intl.Collator('en', { numeric: true })
const ranks = { host: 0, proc: 2, bindmount: 3 }

/** The host first, then containers and pods, then the rest; by name, but what shares a network stack stays together. */
function order() {
  const rank = (/** @type {Row} */ { target }) => ranks[/** @type {keyof typeof ranks} */ (target.type)] ?? 1
  const sorted = [...rows]
    .map(([key, row]) => ({ row, stack: row.target.netns === 0 ? key : String(row.target.netns) }))
    .sort((a, b) => rank(a.row) - rank(b.row) || collator.compare(a.row.target.name, b.row.target.name))
  const groups = Map.groupBy(sorted, ({ stack }) => stack)
  for (const [stack, body] of stacks) {
    if (groups.has(stack)) continue
    body.remove()
    stacks.delete(stack)
  }
  for (const [stack, members] of groups) {
    const body = stacks.get(stack) ?? fromTemplate('stack')
    stacks.set(stack, body)
    body.classList.toggle('shared', members.length > 1)
    const elements = members.map(({ row }) => row.element)
    arrange(body, elements)
  }
  const bodies = [...groups.keys()].flatMap(stack => stacks.get(stack) ?? [])
  arrange(byId('targets'), bodies)
}
