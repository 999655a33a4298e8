/**
 * What a user of remora expects in the first section of a file, for a stream of a service that does not say it: the target as every
 * tool of Packetflix knows it, which those services leave to their clients, and what is known of where it was.
 */
import { version } from '../../base/version.ts'
import {
  type CaptureContextFacts,
  contextComment,
  contextMarker,
  sectionCommentLimits,
  type TargetContext,
} from '../../metadata/context.ts'
import { type EditComment, type SectionEditor, sectionEditor } from '../../pcapng/section-edit.ts'
import { type CommentFields, targetComment, withoutTarget } from '../../protocol/packetflix/comment.ts'
import type { StockParameters, StockSubject } from '../../protocol/packetflix/parameters.ts'
import { packetflixReference } from './packetflix.ts'

/** What was asked of a service. */
export type PacketflixCapture = Pick<StockParameters, 'subjects' | 'filter' | 'promiscuous'>

/** Bytes of a whole section header: Wireshark 4.0 reads no longer one from a pipe (docs/internals/discoveries). */
const longestHeader = { file: sectionCommentLimits.file, stream: 2_048 } as const

/**
 * Edits the stream of a capture as it passes. Comments of others stay; a stream of a remora says all of it already.
 * @param isFile whether it goes into a file, which may say more
 */
export function describeStream(capture: PacketflixCapture, isFile: boolean): SectionEditor {
  const edit: EditComment = (comments, spare) => {
    if (comments.some(comment => comment.includes(`---\n${contextMarker}\n`))) return undefined
    const rests = comments.map(withoutTarget)
    // Where a target is told of already it is replaced, else what is said first goes on there.
    const told = rests.findIndex((rest, at) => rest !== comments[at])
    const replaces = comments.length === 0 ? undefined : Math.max(told, 0)
    const foreign = replaces === undefined ? '' : ended(rests[replaces] ?? '')
    const target = targetOf(capture)
    const left = spare - Buffer.byteLength(target)
    return { text: foreign + contextComment(contextOf(capture), left) + target, replaces }
  }
  return sectionEditor(edit, longestHeader[isFile ? 'file' : 'stream'])
}

/** The target as csharg tells of it. */
function targetOf({ subjects: [subject], filter, promiscuous }: PacketflixCapture): string {
  const { name, type, node, cluster } = factsOf(subject)
  return targetComment({ name, type, node, cluster, filter, promiscuous })
}

function contextOf({ subjects }: PacketflixCapture): CaptureContextFacts {
  const known = subjects.map(factsOf)
  return {
    remora: version,
    capturedAt: new Date().toISOString(),
    host: { name: known[0]?.node ?? '', kernel: '' },
    targets: known.map(({ reference, name, type, netns, incarnation }) => {
      return { reference, name, type, netns, incarnation, interfaces: [] }
    }),
  }
}

/** What is told of a target. */
type Facts = Pick<CommentFields, 'name' | 'type' | 'node' | 'cluster'> &
  Pick<TargetContext, 'reference' | 'netns' | 'incarnation'>

function factsOf(subject: StockSubject): Facts {
  if (subject.kind === 'netns') {
    const reference = `netns:${subject.netns}`
    return { reference, name: reference, type: '', node: '', netns: subject.netns }
  }
  const { target } = subject
  const { name, type, netns, pid, starttime, 'node-name': node, cluster } = target
  return {
    ...{ reference: packetflixReference(target), name, type, netns, node, cluster: cluster?.uid },
    ...(pid > 0 && { incarnation: { pid, ...(starttime > 0 && { startTime: starttime }) } }),
  }
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
