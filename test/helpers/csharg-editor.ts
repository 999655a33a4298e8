/**
 * What csharg and cshargextcap do with the comment of the first section header of a stream, before they hand it on: a target
 * block that is there is taken out, their own is put at the end. Their editor ends a block at the next line `---`, and counts
 * the place of that line from the end of the marker but uses it as counted from its start.
 */
const marker = '---\n# capture target information\n'

/** The comment after one edit. */
export function editedByCsharg(comment: string, block: string): string {
  const start = comment.indexOf(marker)
  if (start === -1) return ended(comment) + block
  const next = comment.slice(start + marker.length).indexOf('\n---')
  // The second case is the wrong offset.
  const rest = next === -1 ? '' : comment.slice(start + next)
  return ended(comment.slice(0, start) + rest) + block
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
