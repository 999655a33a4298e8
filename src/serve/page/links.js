/**
 * Where a target is captured from elsewhere: the link that Packetflix clients open, and the command for a terminal. Names,
 * filters and interfaces may be anything, so they get into an address by encodeURIComponent alone, and into a command by
 * quoting as POSIX shells have it.
 */

/**
 * @typedef {{ base: URL, nifs: readonly string[], every: boolean, filter: string, token: string }} CaptureOptions
 * `nifs` are those that are chosen; `every`: they are all there are.
 */

/**
 * A `packetflix:` link as Ghostwire's own page has it; a Wireshark with remora or cshargextcap opens it.
 * @param {import('./target.js').Target} target
 * @param {CaptureOptions} options
 */
export function packetflixLink(target, { base, nifs, filter, token }) {
  const { name, type, netns, pid, starttime, prefix } = target
  const container = { name, type, netns, 'network-interfaces': target['network-interfaces'], pid, starttime, prefix }
  const url = new URL('capture', base)
  url.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:'
  const query = [`container=${encodeURIComponent(JSON.stringify(container))}`]
  if (nifs.length > 0) query.push(`nif=${nifs.map(encodeURIComponent).join('/')}`)
  if (filter !== '') query.push(`filter=${encodeURIComponent(filter)}`)
  if (token !== '') query.push(`token=${encodeURIComponent(token)}`)
  return `packetflix:${url}?${query.join('&')}`
}

/**
 * The command line that puts the same packets into Wireshark.
 * @param {import('./target.js').Target} target
 * @param {CaptureOptions} options
 */
export function captureCommand({ reference }, { base, nifs, every, filter }) {
  const words = ['remora', 'capture', reference, '--host', String(base).replace(/\/$/, '')]
  if (!every) for (const nif of nifs) words.push('-i', nif)
  if (filter !== '') words.push('-f', filter)
  return `${words.map(quoted).join(' ')} -w - | wireshark -k -i -`
}

/**
 * A word of a shell. Control characters are written out (`$'…'`), since a terminal would take them for keys.
 * @param {string} word
 */
function quoted(word) {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  if (!/\p{Cc}/u.test(word)) return `'${word.replaceAll("'", "'\\''")}'`
  const hex = (/** @type {string} */ character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `$'${word.replace(/['\\]/g, '\\$&').replace(/\p{Cc}/gu, hex)}'`
}
