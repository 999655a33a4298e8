/** JSON Schemas as the plain functions of schema.ts. Numbers and lengths are not looked at, but a member that is not described is wrong. */
import { flag, list, number, object, oneOf, record, type Schema, text } from './schema.ts'

export interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema
}

export function fromJsonSchema(schema: JsonSchema): Schema {
  const alternatives = (schema.anyOf ?? schema.oneOf)?.map(fromJsonSchema)
  if (alternatives !== undefined) return anyOf(alternatives)
  if (schema.const !== undefined) return oneOf(schema.const)
  if (schema.enum !== undefined) return oneOf(...schema.enum)
  if (schema.type === 'null') return oneOf(null)
  if (schema.type === 'string') return text
  if (schema.type === 'boolean') return flag
  if (schema.type === 'number' || schema.type === 'integer') return number
  if (schema.type === 'array' && schema.items) return list(fromJsonSchema(schema.items))
  if (schema.type === 'object' && schema.properties) return members(schema.properties, schema.required)
  if (schema.type === 'object' && schema.additionalProperties)
    return record(fromJsonSchema(schema.additionalProperties))
  throw new Error(`a schema that is not understood: ${JSON.stringify(schema)}`)
}

function members(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[] = []): Schema {
  const schemas = Object.entries(properties).map(([name, schema]) => [name, fromJsonSchema(schema)] as const)
  const [needed, others] = [true, false].map(is => schemas.filter(([name]) => required.includes(name) === is))
  return object(Object.fromEntries(needed ?? []), Object.fromEntries(others ?? []))
}

/** What is wrong by the alternative that comes nearest. */
function anyOf(schemas: readonly Schema[]): Schema {
  return (value, path) => schemas.map(schema => schema(value, path)).sort((a, b) => a.length - b.length)[0] ?? []
}
