/** The captures that run at the moment, asked for every two seconds while somebody looks at the page. */
import { call } from './api.js'
import { arrange, byId, fill, fromTemplate, keepingFocus } from './dom.js'

/** Milliseconds between two questions. */
const pause = 2000

/** @typedef {import('../../protocol/v1/status.ts').RunningCaptureJson} Capture */

/** @type {Map<string, HTMLElement>} */
const rows = new Map()
const number = new Intl.NumberFormat('en')

/** Shows them from now on. */
export function followCaptures() {
  const section = byId('captures')
  const update = async () => {
    if (document.hidden || !byId('token').hidden) return
    const captures = await list()
    keepingFocus(
      () => show(section, captures),
      () => byId(captures.length > 0 ? 'captures-heading' : 'search'),
    )
  }
  setInterval(update, pause)
  document.addEventListener('visibilitychange', update)
  section.addEventListener('click', async ({ target }) => {
    if (!(target instanceof HTMLButtonElement)) return
    const failure = await call('DELETE', `v1/captures/${encodeURIComponent(target.value)}`).then(
      () => '',
      error => error.message,
    )
    fill(byId('stop-failed'), failure)
    await update()
  })
  update()
}

/** @returns {Promise<readonly Capture[]>} none when the service does not answer: the connection's state is told elsewhere */
async function list() {
  try {
    /** @type {import('../../protocol/v1/status.ts').CaptureListJson} */
    const { captures } = await (await call('GET', 'v1/captures')).json()
    return captures
  } catch {
    return []
  }
}

/** @param {HTMLElement} section @param {readonly Capture[]} captures */
function show(section, captures) {
  const ids = new Set(captures.map(({ id }) => id))
  for (const [id, row] of rows) {
    if (ids.has(id)) continue
    row.remove()
    rows.delete(id)
  }
  for (const { id, reference, interfaces, filter, peer, since, packets, bytes } of captures) {
    const row = rows.get(id) ?? fromTemplate('capture')
    rows.set(id, row)
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(since)) / 1000))
    const counts = [number.format(packets), number.format(bytes)]
    const cells = [interfaces.join(' '), filter, peer, `${seconds} s`, ...counts]
    fill(row.querySelector('bdi'), reference)
    for (const [index, text] of cells.entries()) fill(row.children[index + 1], text)
    const button = /** @type {HTMLButtonElement} */ (row.querySelector('button'))
    button.value = id
    button.ariaLabel = `Stop: ${reference}`
  }
  const elements = captures.flatMap(({ id }) => rows.get(id) ?? [])
  arrange(byId('capture-rows'), elements)
  section.hidden = captures.length === 0
}
