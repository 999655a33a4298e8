/** What an installation does to the file system, as data: planned, shown, and only then performed. */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** One change. */
export type Action =
  | { readonly do: 'copy'; readonly from: string; readonly to: string }
  | { readonly do: 'write'; readonly to: string; readonly content: string; readonly executable?: boolean }
  | { readonly do: 'link'; readonly to: string; readonly target: string }
  | { readonly do: 'remove'; readonly path: string }

/** An action in words. */
export function describeAction(action: Action): string {
  switch (action.do) {
    case 'copy':
      return `copy ${action.from} to ${action.to}`
    case 'write':
      return `write ${action.to}`
    case 'link':
      return `link ${action.to} to ${action.target}`
    case 'remove':
      return `remove ${action.path}`
  }
}

/**
 * Performs an action; a file appears under its name only when it is complete.
 * @throws Error of the system call that failed
 */
export function performAction(action: Action): void {
  if (action.do === 'remove') {
    rmSync(action.path, { recursive: true, force: true })
    return
  }
  mkdirSync(dirname(action.to), { recursive: true })
  const temporary = `${action.to}.new`
  rmSync(temporary, { force: true })
  if (action.do === 'copy') copyFileSync(action.from, temporary)
  else if (action.do === 'link') symlinkSync(action.target, temporary)
  else writeFileSync(temporary, action.content, { mode: action.executable ? 0o755 : 0o644 })
  renameSync(temporary, action.to)
}

/** Whether a path is a link to a target. */
export function isLinkTo(path: string, target: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink() && readlinkSync(path) === target
  } catch {
    return false
  }
}

/** Removes a path, if it is there. */
export function removal(path: string): Action[] {
  return existsSync(path) ? [{ do: 'remove', path }] : []
}
