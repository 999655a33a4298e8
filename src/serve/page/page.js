/**
 * The page of the capture service: what runs on its host, live, and ways to capture it. Plain modules without any library,
 * since the page comes under a Content-Security-Policy that allows nothing but the service's own files.
 */
import { base, call, eventsOf, ServiceError, token } from './api.js'
import { followCaptures } from './captures.js'
import { byId, fill, input } from './dom.js'
import { beginTargets, search, takeTarget, targetsReady, updateLinks } from './targets.js'

/** Seconds before the second try; each further one waits twice as long. */
const backOff = { first: 1, most: 30 }

/** Warnings shown at once. */
const mostWarnings = 5

/** Follows the events of the service for ever. */
async function followEvents() {
  for (let wait = backOff.first; ; wait = Math.min(2 * wait, backOff.most)) {
    try {
      await takeEvents(await call('GET', 'v1/targets/watch'), () => {
        wait = backOff.first
      })
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'UNAUTHORIZED') await askForToken()
      else if (error instanceof ServiceError && error.code !== '') showWarning(error.message)
    }
    if (byId('token').hidden) showState(`Disconnected; next try in ${wait} s`, true)
    await Promise.race([
      new Promise(resolve => setTimeout(resolve, byId('token').hidden ? wait * 1000 : 0)),
      new Promise(resolve => addEventListener('online', resolve, { once: true })),
    ])
  }
}

/**
 * Shows what the service tells, until it ends.
 * @param {Response} response
 * @param {() => void} onReady called when all targets there are were told
 */
async function takeEvents(response, onReady) {
  byId('token').hidden = true
  byId('warnings').replaceChildren()
  beginTargets()
  for await (const { event, data } of eventsOf(response)) {
    if (event === 'warning') showWarning(data.warning)
    else if (event !== 'ready') takeTarget(data)
    else {
      targetsReady()
      showState('Live')
      onReady()
    }
  }
}

/** @param {string} words */
function showState(words, off = false) {
  fill(byId('connection'), words)
  byId('connection').classList.toggle('off', off)
  byId('targets').classList.toggle('stale', off)
}

/** @param {string} warning */
function showWarning(warning) {
  const list = byId('warnings')
  if ([...list.children].some(item => item.textContent === warning)) return
  list.appendChild(document.createElement('li')).textContent = warning
  if (list.children.length > mostWarnings) list.firstElementChild?.remove()
  list.hidden = false
}

/** Waits until somebody has entered a token. */
async function askForToken() {
  const form = byId('token')
  const field = input('token-text')
  fill(byId('token-refused'), token.get() === '' ? '' : 'The service did not accept that token.')
  showState('Waiting for a token', true)
  form.hidden = false
  field.value = ''
  field.focus()
  await new Promise(resolve => form.addEventListener('submit', resolve, { once: true }))
  token.set(field.value.trim())
  updateLinks()
}

for (const id of ['token', 'options']) byId(id).addEventListener('submit', event => event.preventDefault())
byId('search').addEventListener('input', search)
byId('filter').addEventListener('input', updateLinks)
fill(byId('host'), base.host)
document.title = `remora ${base.host}`
followCaptures()
followEvents()
