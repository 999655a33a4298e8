/** Readers of what programs that capture say, whichever program it is. */
import { expect } from 'vitest'
import type { CaptureMessages, CaptureReader } from '../../src/linux/capturing/messages.ts'

/** What programs said, by what happened, and what it means. */
export type Conversations = Record<string, [said: string, meant: Partial<CaptureMessages>]>

/** Gives a reader what was said in two pieces, cut at every place. */
export function expectUnderstood(
  said: string,
  meant: Partial<CaptureMessages>,
  open: (onReady: () => void) => CaptureReader,
): void {
  for (let cut = 0; cut <= said.length; cut++) {
    const ready: boolean[] = []
    const reader = open(() => ready.push(reader.messages().ready))
    reader.push(said.slice(0, cut))
    reader.messages()
    reader.push(said.slice(cut))
    reader.end()
    expect(reader.messages()).toMatchObject(meant)
    expect(ready).toEqual(reader.messages().ready ? [true] : [])
  }
}
