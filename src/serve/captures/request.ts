/** The body of `POST /v1/captures`, made of the options of a capture, and what it means in the program's own terms. */
import * as v from 'valibot'
import { fieldName, jsonValue, optionList } from '../../capture/request/options.ts'
import { type CaptureRequest, requestOf } from '../../capture/request/request.ts'
import { makeCaptureBody } from '../../protocol/v1/body.ts'
import { bodyFields } from '../../protocol/v1/fields.ts'

/** Body of POST /v1/captures. */
export const captureBody = makeCaptureBody(
  Object.fromEntries(
    optionList.map(([name, option]) => {
      const { field } = option
      const described = bodyFields.described(field.schema(bodyFields), field.description)
      return [fieldName(name, option), v.optional(described, jsonValue(option, option.default))]
    }),
  ),
)

/** A body that was checked, with what was left out filled in. */
export type CaptureBody = v.InferOutput<typeof captureBody>

/** The request a body means. */
export function requestOfBody(body: CaptureBody): CaptureRequest {
  const { target, targets = [] } = body
  const members: Readonly<Record<string, unknown>> = body
  return requestOf(target === undefined ? targets : [target], (name, option) => {
    const json = members[fieldName(name, option)]
    return option.field.read === undefined ? json : option.field.read(json as never)
  })
}
