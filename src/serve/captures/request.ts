/** From the body of `POST /v1/captures` to what is asked for, in the program's own terms. */
import type { CaptureRequest } from '../../capture/request/request.ts'
import type { CaptureBody } from '../../protocol/v1/body.ts'

/** The request a body means. */
export function requestOf(body: CaptureBody): CaptureRequest {
  const { target, targets, interfaces, snaplen, stop, wait, tlsKeys, includeSelf: _, ...rest } = body
  return {
    ...rest,
    targets: target === undefined ? [...new Set(targets)] : [target],
    keys: tlsKeys ? { fromTargets: true, files: [] } : undefined,
    interfaces: [...new Set(interfaces)],
    snaplen: snaplen === 0 ? undefined : snaplen,
    stop: present(stop),
    wait: wait && present(wait),
  }
}

function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}
