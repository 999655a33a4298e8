/**
 * The file that is installed: the single-file executable as it is, or the bundle with the path of this node in its first
 * line, since the PATH of a desktop session may know no node, or another one.
 */
import { readFileSync, realpathSync } from 'node:fs'
import { RemoraError } from '../base/errors.ts'
import { isSingleFile, selfCommand } from '../base/self.ts'
import type { Action } from './action.ts'

/** The kernel reads no more of a `#!` line (BINPRM_BUF_SIZE). */
const shebangLimit = 254

/**
 * How the program gets to its place.
 * @throws RemoraError USAGE when run from sources, which cannot be installed
 */
export function programAction(to: string): Action {
  if (isSingleFile()) return { do: 'copy', from: process.execPath, to }
  const [node = '', started = ''] = selfCommand()
  // npm puts a link on PATH.
  const script = realpathSync(started)
  if (!script.endsWith('.cjs')) {
    throw new RemoraError('USAGE', 'only a built remora can be installed', {
      hint: 'npm run package, then dist/remora install.',
    })
  }
  const usable = !/\s/.test(node) && node.length < shebangLimit - 2
  const shebang = usable ? `#!${node}` : '#!/usr/bin/env node'
  return {
    do: 'write',
    to,
    content: `${shebang}\n${readFileSync(script, 'utf8').replace(/^#!.*\n/, '')}`,
    executable: true,
  }
}
