/** How this program starts itself again: as a single file, as a bundle, or from its sources. */
import { isSea } from 'node:sea'

/** Whether this is the packaged executable, which needs no node beside it. */
export const isSingleFile: () => boolean = isSea

/** Path of the executable, and the arguments that must come before any others. */
export function selfCommand(): string[] {
  return isSingleFile() ? [process.execPath] : [process.execPath, process.argv[1] ?? '']
}

/** First argument of a run that is not for people: the guard of a capture. */
export const guardArgument = '__guard'
