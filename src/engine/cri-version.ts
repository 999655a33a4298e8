/**
 * The CRI in whichever version a runtime speaks: v1, or v1alpha2 where that is not there (containerd before 1.6, CRI-O before
 * 1.20, iSulad). Of what is asked here the two differ in the name of the service only; events are new in v1.
 */
import { type Connection, failedWith } from './grpc.ts'

const [current, older] = ['/runtime.v1.', '/runtime.v1alpha2.']

/** A connection whose calls of the CRI are made in the older version where the runtime does not know them in v1. */
export function inEitherVersion(connection: Connection): Connection {
  let speaksOlder = false
  return {
    ...connection,
    async call(method, request, metadata) {
      const isCri = method.path.startsWith(current)
      try {
        if (!isCri || !speaksOlder) return await connection.call(method, request, metadata)
      } catch (error) {
        if (!isCri || !failedWith(error, 'UNIMPLEMENTED')) throw error
      }
      const path = method.path.replace(current, older)
      const answer = await connection.call({ ...method, path }, request, metadata)
      speaksOlder = true
      return answer
    },
  }
}
