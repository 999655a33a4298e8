/** Reads JSON that came from elsewhere. The first thing that is wrong ends the reading: a text may be wrong a million times. */
import * as v from 'valibot'

/**
 * Reads a document.
 * @throws SyntaxError or v.ValiError for any other text
 */
export function parseJson<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> {
  return v.parse(schema, JSON.parse(text), { abortEarly: true })
}

/** Reads a document; undefined for any other text. */
export function readJson<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> | undefined {
  try {
    return parseJson(schema, text)
  } catch {
    return undefined
  }
}
