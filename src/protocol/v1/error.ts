/** The answer of everything that failed. */
import * as v from 'valibot'
import { type ErrorCode, errorKinds } from '../../base/errors.ts'
import { text } from './parts.ts'

/** A failure: its code is one of the registry. */
export const errorAnswer = v.object({
  error: v.object({
    code: v.picklist(Object.keys(errorKinds) as ErrorCode[]),
    message: text,
    hint: v.exactOptional(v.pipe(text, v.description('the next step'))),
  }),
})

/** A failure, as it is sent. */
export type ErrorJson = v.InferOutput<typeof errorAnswer>
