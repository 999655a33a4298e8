/** What an interface of a host's network is like where a test says nothing of it. */
import type { DetailedInterface } from '../../src/model/interface.ts'

/** An interface that is up and has no addresses; its kind, index and name are the test's. */
export const plainInterface: Omit<DetailedInterface, 'name' | 'index' | 'kind'> = {
  alias: '',
  up: true,
  operstate: 'UP',
  loopback: false,
  promiscuous: false,
  details: {},
  addresses: [],
}
