/** The descriptor of `--ready-fd`: whoever starts a capture reads there that it runs. */
import { closeSync, fstatSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { RemoraError } from '../base/errors.ts'

/**
 * Checks a descriptor that was handed down, before anything else is opened.
 * @returns a function that writes one empty line to it and closes it, once
 * @throws RemoraError USAGE unless it is open, can be written, and is none of this process's own
 */
export function openReady(text: string): () => void {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (fd < 3) throw unusable(text, 'is none from 3 on')
  if (!isPlain(fd)) throw unusable(text, 'was not handed down to this program')
  if (access(fd) === readOnly) throw unusable(text, 'cannot be written')
  let said = false
  return () => {
    if (said) return
    said = true
    try {
      writeSync(fd, '\n')
    } catch {
      // Nobody waits for it any more.
    }
    closeSync(fd)
  }
}

const [readOnly, accessMode] = [0, 3]

/** Whether a descriptor leads out of this process: node has an event queue and pipes to itself among its first ones. */
function isPlain(fd: number): boolean {
  try {
    const file = fstatSync(fd)
    return (
      file.isFile() || file.isCharacterDevice() || file.isSocket() || (file.isFIFO() && !hasOtherEnd(linkOf(fd), fd))
    )
  } catch {
    return false
  }
}

/** Whether this process reads from a pipe without a name that one of its descriptors writes to. */
function hasOtherEnd(link: string | undefined, fd: number): boolean {
  if (!link?.startsWith('pipe:[')) return false
  const others = readdirSync('/proc/self/fd').map(Number)
  return others.some(other => other > 2 && linkOf(other) === link && access(other) !== access(fd))
}

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined // The descriptor of the listing itself is closed by now.
  }
}

/** How a descriptor was opened, as open(2) says it; undefined when it is not open. */
function access(fd: number): number | undefined {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return flags === undefined ? undefined : Number.parseInt(flags, 8) & accessMode
  } catch {
    return undefined
  }
}

function unusable(text: string, why: string): RemoraError {
  return new RemoraError('USAGE', `descriptor "${text}" of --ready-fd ${why}`, {
    hint: 'Hand down a descriptor that can be written, as in: remora capture web --ready-fd 3 3>ready',
  })
}
