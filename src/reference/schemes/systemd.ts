/** `systemd:nginx`: the network namespace of the main process of a unit, systemd.unit(5). */
import type { Scheme } from '../grammar/scheme.ts'

/** A reference to a unit of systemd. */
export interface SystemdReference {
  readonly scheme: 'systemd'
  /** Name with its suffix. */
  readonly unit: string
}

/** What units are called, systemd.unit(5): at most 255 characters. */
const unitName = /^[A-Za-z0-9:_.\\@-]{1,255}$/
/** Units that have processes. */
const suffix = /\.(?:service|scope|socket|mount|swap)$/

/** The scheme. */
export const systemd: Scheme<SystemdReference> = {
  name: 'systemd',
  usage: [
    {
      forms: ['systemd:nginx', 'systemd:nginx.service'],
      means: 'the network namespace of the main process of a unit',
      detail: 'of the system or of a user',
    },
  ],
  parse(value, malformed) {
    if (!unitName.test(value)) throw malformed('expected the name of a unit, systemd:nginx.service')
    const unit = suffix.test(value) ? value : `${value}.service`
    return { scheme: 'systemd', unit }
  },
  format: ({ unit }) => unit,
  // The list of a Packetflix service has no units.
  describes: () => false,
}
