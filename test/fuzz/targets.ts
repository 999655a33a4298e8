/** The visible list of what is fuzzed. */
import { argvTargets } from './argv.ts'
import { closeTargets } from './close.ts'
import { engineTargets } from './engines.ts'
import { frameTargets } from './frames.ts'
import { longTargets } from './long.ts'
import { packetflixTargets } from './packetflix.ts'
import { readTargets } from './read.ts'
import { referenceTargets } from './reference.ts'
import { sentenceTargets } from './sentence.ts'
import type { FuzzTarget } from './target.ts'
import { weaveTargets } from './weave.ts'

export const fuzzTargets: readonly FuzzTarget[] = [
  ...argvTargets,
  ...sentenceTargets,
  ...referenceTargets,
  ...packetflixTargets,
  ...readTargets,
  ...weaveTargets,
  ...closeTargets,
  ...frameTargets,
  ...engineTargets,
  ...longTargets,
]
