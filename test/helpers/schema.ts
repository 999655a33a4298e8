/** Schemas as plain functions: each names what is wrong with a value, by its path; nothing when it fits. */

export type Schema = (value: unknown, path: string) => string[]

const kind =
  (name: 'string' | 'number' | 'boolean'): Schema =>
  (value, path) =>
    typeof value === name ? [] : [`${path} is no ${name}: ${JSON.stringify(value)}`]

export const text = kind('string')
export const number = kind('number')
export const flag = kind('boolean')

/** One of some values. */
export const oneOf =
  (...values: unknown[]): Schema =>
  (value, path) =>
    values.includes(value) ? [] : [`${path} is ${JSON.stringify(value)}`]

/** A text of a form. */
export const like =
  (pattern: RegExp): Schema =>
  (value, path) =>
    typeof value === 'string' && pattern.test(value) ? [] : [`${path} does not match: ${JSON.stringify(value)}`]

export const list =
  (schema: Schema): Schema =>
  (value, path) =>
    Array.isArray(value)
      ? value.flatMap((element, index) => schema(element, `${path}[${index}]`))
      : [`${path} is no list`]

/** An object with any keys. */
export const record =
  (schema: Schema): Schema =>
  (value, path) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, member]) => schema(member, `${path}.${key}`))
      : [`${path} is no object`]

/** An object with all of the first keys, perhaps some of the second, and no others. */
export const object =
  (required: Record<string, Schema>, optional: Record<string, Schema> = {}): Schema =>
  (value, path) => {
    if (!isObject(value)) return [`${path} is no object`]
    const missing = Object.keys(required).filter(key => !Object.hasOwn(value, key))
    return [
      ...missing.map(key => `${path}.${key} is missing`),
      ...Object.entries(value).flatMap(([key, member]) => {
        const schema = required[key] ?? optional[key]
        return schema === undefined ? [`${path}.${key} is not in the schema`] : schema(member, `${path}.${key}`)
      }),
    ]
  }

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
