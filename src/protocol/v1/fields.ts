/** What a member of the body of `POST /v1/captures` may be. */
import * as v from 'valibot'

/** Schemas that options have. */
export const bodyFields = {
  flag: () => v.boolean(),
  whole: (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most)),
  seconds: () => v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9), v.description('seconds')),
  text: () => v.pipe(v.string(), v.trim(), v.maxLength(16_384)),
  names: () => v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(64))), v.maxLength(256)),
  choice: <const T extends readonly string[]>(choices: T) => v.picklist(choices),
  /** An object, of which each member may be left out. */
  group: (members: Record<string, v.GenericSchema>) =>
    v.strictObject(Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, v.optional(schema)]))),
  described: (schema: v.GenericSchema, description: string) => v.pipe(schema, v.description(description)),
}
/** Type of {@link bodyFields}, for who must not load them. */
export type BodyFields = typeof bodyFields
