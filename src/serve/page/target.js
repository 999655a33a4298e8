/**
 * One row of the list: a target as the service describes it, and the three ways to capture it. A row is filled again when
 * its target changes, never built anew, so that focus, choices and messages stay. Names come from anywhere, and are text.
 */
import { base, call, ServiceError, token } from './api.js'
import { byId, fill, say } from './dom.js'
import { captureCommand, packetflixLink } from './links.js'

/**
 * @typedef {{ engine: string, id: string, name: string, image: string, state: string, sandbox: boolean }} Member
 * @typedef {{
 *   reference: string, name: string, type: string, prefix: string, netns: number, pid: number, starttime: number,
 *   'network-interfaces': readonly string[], addresses: readonly string[], engine?: string, id?: string, image?: string,
 *   state?: string, labels?: Record<string, string>, containers?: readonly Member[], 'shared-with'?: readonly string[],
 * }} Target the JSON form of a target
 * @typedef {ReturnType<typeof makeRow>} Row
 */

/** @param {Target} first */
export function makeRow(first) {
  let target = first
  let text = ''
  const element = /** @type {HTMLElement} */ (
    /** @type {HTMLTemplateElement} */ (byId('target')).content.firstElementChild?.cloneNode(true)
  )
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`))
  const [link, command, download, interfaces, message] = /** @type {const} */ ([
    /** @type {HTMLAnchorElement} */ (part('wireshark')),
    part('command'),
    /** @type {HTMLButtonElement} */ (part('download')),
    part('interfaces'),
    part('message'),
  ])
  const boxes = () => [...interfaces.querySelectorAll('input')]

  const options = () => {
    const nifs = boxes().flatMap(box => (box.checked ? [box.value] : []))
    const every = nifs.length === target['network-interfaces'].length
    return { base, nifs, every, filter: field('filter').value.trim(), token: token.get() }
  }

  /** @param {string} words @param {{ wrong?: boolean, code?: string }} [more] */
  const tell = (words, { wrong = false, code = '' } = {}) => {
    message.textContent = words
    if (code !== '') message.appendChild(document.createElement('code')).textContent = code
    message.classList.toggle('wrong', wrong)
    message.hidden = words === ''
    say(words === '' ? '' : `${target.name}: ${words}`)
  }

  const showInterfaces = () => {
    const names = target['network-interfaces']
    const known = boxes()
    if (known.map(box => box.value).join('/') === names.join('/')) return
    const labels = names.map(name => {
      const box = known.find(({ value }) => value === name) ?? document.createElement('input')
      if (box.parentElement) return box.parentElement
      Object.assign(box, { type: 'checkbox', value: name, checked: true })
      const label = document.createElement('label')
      label.append(box, name)
      return label
    })
    interfaces.replaceChildren(...labels)
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
      fill(part('more'), more(target))
      fill(part('type'), [target.type, target.state === 'paused' ? 'paused' : ''].filter(Boolean).join('\n'))
      fill(part('image'), target.image ?? '')
      fill(part('addresses'), target.addresses.join('\n'))
      element.title = target.reference
      for (const action of [link, command, download]) action.ariaLabel = `${action.textContent}: ${target.name}`
      interfaces.ariaLabel = `Interfaces of ${target.name}`
      showInterfaces()
      row.updateLink()
      const { labels = {}, containers = [] } = target
      const members = containers.flatMap(({ name, image, id }) => [name, image, id])
      const pairs = Object.entries(labels).map(pair => pair.join('='))
      const words = [element.textContent, target.reference, target.id ?? '', target.netns, ...members, ...pairs]
      text = words.join(' ').toLowerCase()
    },
    /** @param {readonly string[]} words in lower case */
    search(words) {
      element.hidden = !words.every(word => text.includes(word))
    },
  }

  interfaces.addEventListener('change', ({ target: box }) => {
    // A capture of no interface at all is none: the last one stays.
    if (box instanceof HTMLInputElement && !boxes().some(({ checked }) => checked)) box.checked = true
    row.updateLink()
  })
  command.addEventListener('click', async () => {
    const line = captureCommand(target, options())
    try {
      await navigator.clipboard.writeText(line)
      tell('Copied; for a terminal on your computer:', { code: line })
    } catch {
      // Browsers have no clipboard for a page that came by plain http from another machine.
      tell('Copy this, for a terminal on your computer:', { code: line })
      getSelection()?.selectAllChildren(message.lastElementChild ?? message)
    }
  })
  download.addEventListener('click', async () => {
    if (!field('seconds').reportValidity()) return
    const { nifs, every, filter } = options()
    const duration = Number(field('seconds').value)
    const wanted = { target: target.reference, ...(!every && { interfaces: nifs }), ...(filter !== '' && { filter }) }
    download.disabled = true
    try {
      const answer = await (await call('POST', 'v1/captures', { ...wanted, stop: { duration } })).json()
      const file = new URL(answer.download).pathname.split('/').pop() ?? ''
      // A link to be saved, not a new page: a failure must not take this one away.
      Object.assign(document.createElement('a'), { href: new URL(`v1/capture/${file}`, base), download: '' }).click()
      tell(`Capturing for ${duration} s; the file is among your browser's downloads.`)
      setTimeout(() => message.textContent?.startsWith('Capturing') && tell(''), duration * 1000 + 2000)
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      tell(`${error.message}${error.hint === '' ? '' : `\n${error.hint}`}`, { wrong: true })
    } finally {
      download.disabled = false
    }
  })
  row.update(first)
  return row
}

const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id))

/**
 * Who else there is in the network stack: the containers of a pod, and other targets.
 * @param {Target} target
 */
function more({ containers = [], 'shared-with': shares = [] }) {
  const members = containers.flatMap(({ name, image, sandbox }) => (sandbox ? [] : [`${name} (${image})`]))
  const others = shares.length > 4 ? [...shares.slice(0, 3), `${shares.length - 3} more`] : shares
  return [members.join(', '), others.length > 0 ? `same network: ${others.join(', ')}` : ''].filter(Boolean).join(' · ')
}
