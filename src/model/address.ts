/** Addresses of interfaces. */
import type { Family } from '../base/ip.ts'

/** RT_SCOPE_* of rtnetlink(7), by the names of /etc/iproute2/rt_scopes. */
export const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const

/** An address of an interface. */
export interface InterfaceAddress {
  readonly family: Family
  /** Without its prefix length. */
  readonly address: string
  /** Length of the prefix, bits. */
  readonly prefix: number
  /** Seconds of its preferred and valid lifetime; 4294967295 for ever. */
  readonly preferred: number
  readonly valid: number
  /** One of {@link scopes}, or a number somebody has chosen. */
  readonly scope: number
}
