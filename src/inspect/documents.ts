/**
 * The YAML documents in the comment of a section: the capture target, as every tool of Packetflix knows it, then
 * remora's own on where it was. Found by the comment in their first line; nobody here reads the YAML.
 */
import { contextMarker } from '../metadata/context.ts'
import { targetMarker } from '../protocol/packetflix/comment.ts'

/** Comments of a section, sorted. */
export interface Documents {
  readonly target: string | undefined
  readonly context: string | undefined
  /** Comments without either. */
  readonly others: readonly string[]
}

/** Only at one of these does a document begin: what comes from elsewhere may use `---` for something else. */
const border = new RegExp(`^(?=---[ \\t]*\\r?\\n(?:${targetMarker}|${contextMarker})[ \\t]*\\r?$)`, 'm')

/** Takes the comments of a section apart into documents, as they stand. */
export function splitComments(comments: readonly string[]): Documents {
  const texts = comments.flatMap(comment => comment.split(border))
  return {
    target: texts.find(text => beginsWith(text, targetMarker)),
    context: texts.find(text => beginsWith(text, contextMarker)),
    others: texts.filter(
      text => text.trim() !== '' && !beginsWith(text, targetMarker) && !beginsWith(text, contextMarker),
    ),
  }
}

function beginsWith(text: string, marker: string): boolean {
  return new RegExp(`^(?:---\\s*)?${marker}\\s*(?:\\n|$)`).test(text)
}
