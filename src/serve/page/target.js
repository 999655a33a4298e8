/**
 * One row of the list: a target as the service describes it, and the three ways to capture it. A row is filled again when
 * its target changes, never built anew, so that focus, choices and messages stay. Names come from anywhere, and are text.
 */
import { base, call, token } from './api.js'
import { byId, fill, fromTemplate, input } from './dom.js'
import { captureCommand, packetflixLink } from './links.js'

/**
 * @typedef {import('../../protocol/v1/target.ts').TargetJson} Target
 * @typedef {ReturnType<typeof makeRow>} Row
 */

/** @param {Target} first */
export function makeRow(first) {
  const element = fromTemplate('target')
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`))
  const link = /** @type {HTMLAnchorElement} */ (part('wireshark'))
  const [command, download, interfaces, message] = [
    part('command'),
    part('download'),
    part('interfaces'),
    part('message'),
  ]
  let target = first
  let text = ''
  let asking = false

  const boxes = () => [...interfaces.querySelectorAll('input')]
  const options = () => {
    const nifs = boxes().flatMap(box => (box.checked ? [box.value] : []))
    const every = nifs.length === target['network-interfaces'].length
    return { base, nifs, every, filter: input('filter').value.trim(), token: token.get() }
  }

  const row = {
    element,
    get target() {
      return target
    },
    /** The link follows what is chosen; everything else asks when it is pressed. */
    updateLink() {
      link.href = packetflixLink(target, options())
    },
    /** @param {Target} newer */
    update(newer) {
      target = newer
      fill(part('name'), target.prefix === '' ? target.name : `${target.prefix}/${target.name}`)
      fill(part('more'), companions(target))
      fill(part('type'), target.state === 'paused' ? `${target.type}\npaused` : target.type)
      fill(part('image'), target.image ?? '')
      fill(part('addresses'), target.addresses.join('\n'))
      element.title = target.reference
      for (const action of [link, command, download]) action.ariaLabel = `${action.textContent}: ${target.name}`
      interfaces.ariaLabel = `Interfaces of ${target.name}`
      showInterfaces(interfaces, boxes(), target['network-interfaces'])
      row.updateLink()
      text = searchable(target)
    },
    /** @param {readonly string[]} words in lower case */
    search(words) {
      element.hidden = !words.every(word => text.includes(word))
    },
  }

  const tell = teller(message, () => target.name)

  interfaces.addEventListener('change', ({ target: box }) => {
    // A capture of no interface at all is none: the last one stays.
    if (box instanceof HTMLInputElement && !boxes().some(({ checked }) => checked)) box.checked = true
    row.updateLink()
  })
  command.addEventListener('click', () => copyCommand(captureCommand(target, options()), message, tell))
  download.addEventListener('click', async () => {
    if (asking || !input('seconds').reportValidity()) return
    asking = true
    await downloadFor(target, options(), message, tell)
    asking = false
  })
  row.update(first)
  return row
}

/** @typedef {(words: string, more?: { wrong?: boolean, code?: string }) => void} Tell */

/**
 * Writes messages of a row into its place for them.
 * @param {HTMLElement} message
 * @param {() => string} name
 * @returns {Tell}
 */
function teller(message, name) {
  return (words, { wrong = false, code = '' } = {}) => {
    message.textContent = words
    if (code !== '') message.appendChild(document.createElement('code')).textContent = code
    message.classList.toggle('wrong', wrong)
    message.hidden = words === ''
    // One place that is read out, instead of one in each of a thousand rows.
    fill(byId('spoken'), words && `${name()}: ${words}`)
  }
}

/**
 * @param {string} line
 * @param {HTMLElement} message
 * @param {Tell} tell
 */
async function copyCommand(line, message, tell) {
  try {
    await navigator.clipboard.writeText(line)
    tell('Copied; for a terminal on your computer:', { code: line })
  } catch {
    // Browsers have no clipboard for a page that came by plain http from another machine.
    tell('Copy this, for a terminal on your computer:', { code: line })
    getSelection()?.selectAllChildren(message.lastElementChild ?? message)
  }
}

/**
 * Downloads a capture of as many seconds as are chosen, and tells of it.
 * @param {Target} target
 * @param {import('./links.js').CaptureOptions} options
 * @param {HTMLElement} message
 * @param {Tell} tell
 */
async function downloadFor(target, options, message, tell) {
  const seconds = Number(input('seconds').value)
  try {
    await startDownload(target, options, seconds)
    const words = `Started, for ${seconds} s; the file is among your browser's downloads.`
    tell(words)
    setTimeout(() => message.textContent === words && tell(''), seconds * 1000 + 2000)
  } catch (error) {
    const { message: what, hint = '' } = /** @type {import('./api.js').ServiceError} */ (error)
    tell([what, hint].join('\n').trim(), { wrong: true })
  }
}

/**
 * @param {Target} target
 * @param {import('./links.js').CaptureOptions} options
 * @param {number} duration seconds
 */
async function startDownload({ reference }, { nifs, every, filter }, duration) {
  const chosen = { ...(!every && { interfaces: [...nifs] }), ...(filter !== '' && { filter }) }
  const body = { target: reference, ...chosen, stop: { duration } }
  /** @type {import('../../protocol/v1/ticket.ts').TicketJson} */
  const ticket = await (await call('POST', 'v1/captures', body)).json()
  const file = new URL(ticket.download ?? '').pathname.split('/').pop()
  // A link to be saved, not a new page: a failure must not take this one away.
  Object.assign(document.createElement('a'), { href: new URL(`v1/capture/${file}`, base), download: '' }).click()
}

/**
 * @param {Element} place
 * @param {readonly HTMLInputElement[]} known the boxes that are there: they stay as they are
 * @param {readonly string[]} names
 */
function showInterfaces(place, known, names) {
  if (known.map(box => box.value).join('/') === names.join('/')) return
  const labels = names.map(name => {
    const label = known.find(({ value }) => value === name)?.parentElement ?? document.createElement('label')
    if (label.firstChild) return label
    label.append(Object.assign(document.createElement('input'), { type: 'checkbox', value: name, checked: true }), name)
    return label
  })
  place.replaceChildren(...labels)
}

/**
 * Who else there is in the network stack: the containers of a pod, and other targets.
 * @param {Target} target
 */
function companions({ containers = [], 'shared-with': shares = [] }) {
  const members = containers.flatMap(({ name, image, sandbox }) => (sandbox ? [] : [`${name} (${image})`]))
  const others = shares.length > 4 ? [...shares.slice(0, 3), `${shares.length - 3} more`] : shares
  return [members.join(', '), others.length > 0 ? `same network: ${others.join(', ')}` : ''].filter(Boolean).join(' · ')
}

/** @param {Target} target */
function searchable({ labels = {}, annotations = {}, containers = [], ...target }) {
  const pairs = Object.entries({ ...annotations, ...labels }).map(pair => pair.join('='))
  const members = containers.flatMap(({ name, image, id }) => [name, image, id])
  return [...Object.values(target), ...pairs, ...members].flat().join(' ').toLowerCase()
}
