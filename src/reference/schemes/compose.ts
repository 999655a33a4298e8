/** `compose:shop`, `compose:shop/web`: the containers of a Docker Compose project, or of a service in it. */
import { composeProject, composeService } from '../grammar/containers.ts'
import type { ContainerScheme } from '../grammar/scheme.ts'

/** A reference to the containers of a project or a service. */
export interface ComposeReference {
  readonly scheme: 'compose'
  readonly project: string
  readonly service?: string
}

/** The scheme. */
export const compose: ContainerScheme<ComposeReference> = {
  name: 'compose',
  usage: [
    {
      forms: ['compose:shop/web', 'compose:shop'],
      means: 'the containers of a Docker Compose service or project',
    },
  ],
  parse(value, malformed) {
    const slash = value.indexOf('/')
    const project = slash < 0 ? value : value.slice(0, slash)
    const service = slash < 0 ? undefined : value.slice(slash + 1)
    if (project === '' || service === '') throw malformed('expected compose:PROJECT or compose:PROJECT/SERVICE')
    return { scheme: 'compose', project, ...(service !== undefined && { service }) }
  },
  format: ({ project, service }) => project + (service === undefined ? '' : `/${service}`),
  // The list of a Packetflix service has no labels.
  describes: () => false,
  match: ({ project, service }, containers) =>
    containers.filter(
      candidate =>
        composeProject(candidate) === project &&
        (service === undefined || composeService(candidate)?.service === service),
    ),
  meansEvery: true,
  wholePods: true,
  compares: 'labels',
}
