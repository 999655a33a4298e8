/** Lines of mountinfo (proc_pid_mountinfo(5)). */

/** What one line says. */
export interface Mount {
  readonly id: string
  readonly parent: string
  /** Number of its device, `major:minor`. */
  readonly device: string
  /** What of its file system is mounted. */
  readonly root: string
  /** Where. */
  readonly place: string
  readonly type: string
  /** Options of the file system itself, as the kernel writes them. */
  readonly options: string
}

/** Reads every line that is whole. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap(line => {
    const fields = line.split(' ')
    const [id, parent, device, root, place] = fields
    if (id === undefined || parent === undefined || device === undefined || root === undefined || place === undefined)
      return []
    const end = fields.indexOf('-')
    const [type = '', options = ''] = [fields[end + 1], fields[end + 3]]
    return [{ id, parent, device, root, place: unescapeOctal(place), type, options }]
  })
}

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
export function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/** Whether a path, or a folder on the way to it, is one of the places. */
export function isBelow(path: string, places: ReadonlySet<string>): boolean {
  if (places.has('/')) return true
  const folders = path.split('/')
  return folders.some((_, index) => places.has(folders.slice(0, index + 1).join('/')))
}
