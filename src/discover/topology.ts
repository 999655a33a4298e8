/** The whole network topology of this host as the document of Ghostwire's `GET /json`. */
import { metadataJson } from '../ghostwire/metadata.ts'
import { discover } from './discover.ts'
import { type Answer, type DocumentOptions, hostFacts } from './mobyshark.ts'

/** Makes the document from a fresh look at the host. */
export async function ghostwire(options: DocumentOptions): Promise<Answer<unknown>> {
  const discovery = await discover({ ...options, interfaces: false })
  const document = { metadata: metadataJson(await hostFacts(discovery, options)) }
  return { document, warnings: discovery.warnings }
}
