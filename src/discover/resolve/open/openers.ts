/** The visible list of openers, by the names of their schemes in reference/schemes. */
import type { DirectReference, SeveralMatches } from '../../../reference/reference.ts'
import { openFile } from './file.ts'
import type { FoundTarget } from './found.ts'
import { openHostNetwork } from './host.ts'
import { openNamed } from './named.ts'
import { openInode } from './netns.ts'
import type { Opener } from './opener.ts'
import { openPid } from './pid.ts'
import { openCommand } from './process.ts'
import { openUnit } from './systemd.ts'

const openers: { readonly [S in DirectReference['scheme']]: Opener<Extract<DirectReference, { scheme: S }>> } = {
  pid: openPid,
  process: openCommand,
  systemd: openUnit,
  named: openNamed,
  netns: openInode,
  file: openFile,
  host: openHostNetwork,
}

/** Opens the targets of a reference that needs no engine, as {@link Opener} says. */
export async function openDirect(
  reference: DirectReference,
  { match = 'error', signal }: { readonly match: SeveralMatches | undefined; readonly signal: AbortSignal },
): Promise<FoundTarget[]> {
  const open = openers[reference.scheme] as Opener<DirectReference>
  return open(reference, { match, signal })
}
