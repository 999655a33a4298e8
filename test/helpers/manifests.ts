/** What deploy/ says, as arguments of an engine that knows neither compose nor Kubernetes. */
import { readFileSync } from 'node:fs'
import { parse, parseAllDocuments } from 'yaml'

export interface ComposeService {
  readonly image: string
  readonly command: readonly string[]
  readonly pid: string
  readonly network_mode: string
  readonly userns_mode: string
  readonly cap_drop: readonly string[]
  readonly cap_add: readonly string[]
  readonly security_opt: readonly string[]
  readonly read_only: boolean
  readonly tmpfs: readonly string[]
  readonly mem_limit: string
  readonly pids_limit: number
  /** Given to no engine here: a machine for tests need not allow as many descriptors. */
  readonly ulimits: { readonly nofile: number }
  readonly volumes: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}

/** The service of deploy/compose.yaml. */
export function composeService(): ComposeService {
  return parse(readFileSync('deploy/compose.yaml', 'utf8')).services.remora
}

/** Arguments of `docker run` that mean the same; the engine's socket is where the test's engine has it. */
export function runArguments(service: ComposeService, engineSocket: string): string[] {
  const each = (flag: string, values: readonly string[]) => values.flatMap(value => [flag, value])
  const volumes = service.volumes.map(volume => volume.replace(/^\/var\/run\/docker\.sock:/, `${engineSocket}:`))
  return [
    ...['--pid', service.pid, '--network', service.network_mode, '--userns', service.userns_mode],
    ...each('--cap-drop', service.cap_drop),
    ...each('--cap-add', service.cap_add),
    ...each('--security-opt', service.security_opt),
    ...(service.read_only ? ['--read-only'] : []),
    ...each('--tmpfs', service.tmpfs),
    ...['--memory', service.mem_limit, '--pids-limit', String(service.pids_limit)],
    ...each('--volume', volumes),
  ]
}

export interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec?: { readonly template: { readonly spec: PodSpec } }
  readonly rules?: readonly {
    readonly apiGroups: string[]
    readonly resources: string[]
    readonly verbs: string[]
  }[]
}

export interface PodSpec {
  readonly hostPID?: boolean
  readonly hostNetwork?: boolean
  readonly automountServiceAccountToken: boolean
  readonly containers: readonly {
    readonly args: readonly string[]
    readonly securityContext: { readonly capabilities: { readonly drop: string[]; readonly add: string[] } }
    readonly livenessProbe: { readonly exec: { readonly command: string[] } }
  }[]
}

/** The objects of deploy/kubernetes.yaml. */
export function manifests(): Manifest[] {
  return parseAllDocuments(readFileSync('deploy/kubernetes.yaml', 'utf8')).map(document => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS()
  })
}
