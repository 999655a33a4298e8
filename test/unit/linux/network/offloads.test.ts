import { expect, test } from 'vitest'
import { parseFeatures } from '../../../../src/linux/network/offloads.ts'

test('offloads that are on', () => {
  const output = `Features for eth0:
rx-checksumming: on
tx-checksumming: off
\ttx-checksum-ipv4: on
tcp-segmentation-offload: on
highdma: on [fixed]
tx-gso-robust: off [fixed]
`
  expect(parseFeatures(output)).toEqual(['rx-checksumming', 'tcp-segmentation-offload', 'highdma'])
})
