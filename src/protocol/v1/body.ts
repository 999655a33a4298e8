/** The body of `POST /v1/captures`: what a client asks for. A member that is not known is a mistake. */
import * as v from 'valibot'

const reference = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))

/** The body, of which the options are told by who knows them. */
export function makeCaptureBody(options: Readonly<Record<string, v.GenericSchema>>) {
  const fields = v.strictObject({
    ...options,
    target: v.optional(v.pipe(reference, v.description('target reference'))),
    targets: v.optional(
      v.pipe(v.array(reference), v.minLength(1), v.maxLength(64), v.description('several, in place of target')),
    ),
    includeSelf: v.optional(
      v.pipe(v.boolean(), v.description('capture the connection that carries the capture, too')),
      false,
    ),
  })
  return v.pipe(
    fields,
    v.check(
      ({ target, targets }) => (target === undefined) !== (targets === undefined),
      'expected either target or targets',
    ),
  )
}
