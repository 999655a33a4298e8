/**
 * The service's own interface, as the page uses it. Addresses are relative to the page's, so that it works under any path of
 * a reverse proxy. The token goes into a header: so the events are read with fetch, an EventSource could not send it.
 */

/** The folder the page lies in. */
export const base = new URL('.', location.href)
// What a page may have in its address, and fetch refuses.
base.username = base.password = ''

/** For as long as this tab is open, and for no other. */
const tokenKey = `remora-token ${base.pathname}`

export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? '',
  /** @param {string} text */
  set: text => sessionStorage.setItem(tokenKey, text),
}

/** What the service answered instead of what it was asked for; `code` is empty when it did not answer at all. */
export class ServiceError extends Error {
  /** @param {Omit<import('../../protocol/v1/error.ts').ErrorJson['error'], 'code'> & { code: string }} error */
  constructor({ code, message, hint = '' }) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

/**
 * Asks the service; throws a ServiceError for every answer but success.
 * @param {string} method
 * @param {string} path relative to the page
 * @param {unknown} [body] sent as JSON
 */
export async function call(method, path, body) {
  const headers = new Headers()
  if (token.get() !== '') headers.set('authorization', `Bearer ${token.get()}`)
  if (body !== undefined) headers.set('content-type', 'application/json')
  /** @type {RequestInit} */
  const request = { method, headers, cache: 'no-store', ...(body !== undefined && { body: JSON.stringify(body) }) }
  const response = await fetch(new URL(path, base), request).catch(() => {
    throw new ServiceError({ code: '', message: 'The service does not answer.', hint: 'Is it still running?' })
  })
  if (response.ok) return response
  const { error } = await response.json().catch(() => ({}))
  throw new ServiceError(
    error ?? { code: `HTTP ${response.status}`, message: response.statusText || 'no reason given' },
  )
}

/** Milliseconds without a byte after which a connection is given up: the service gives a sign of life every 15 s. */
const silence = 40_000

/**
 * The events of a stream (HTML standard, "server-sent events"), until it ends.
 * @param {Response} response
 */
export async function* eventsOf(response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const read = async () => {
    const timer = setTimeout(() => reader?.cancel(), silence)
    const part = await reader?.read()
    clearTimeout(timer)
    return part
  }
  let text = ''
  for (let part = await read(); part?.value !== undefined; part = await read()) {
    const blocks = (text + part.value).split(/\r?\n\r?\n/)
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = block.split(/\r?\n/).map(line => /^(\w+): ?(.*)$/.exec(line))
      const data = fields.flatMap(field => (field?.[1] === 'data' ? [field[2]] : [])).join('\n')
      const event = fields.find(field => field?.[1] === 'event')?.[2]
      if (event !== undefined) yield { event, data: data === '' ? {} : JSON.parse(data) }
    }
  }
}
