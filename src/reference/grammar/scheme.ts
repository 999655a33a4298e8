/**
 * The shape of a scheme of target references (`scheme:value`). A member is one file in schemes/, listed in schemes.ts: how it
 * is written and read, what it means, and what help and docs say of it. How a target that no engine tells of is opened needs
 * the machine: that half is in discover/open, by the same names.
 */
import type { RemoraError } from '../../base/errors.ts'
import type { NamedContainer } from './containers.ts'

/** Makes the error for a value that is not one of the scheme; the reason says what was expected. */
export type Malformed = (reason: string) => RemoraError

/** A row of the tables in help and docs. Schemes with the same meaning share one. */
export interface Usage {
  readonly forms: readonly string[]
  readonly means: string
  /** A detail for the docs. */
  readonly detail?: string
}

/** A target in the list of a Packetflix service, which describes targets by these alone. */
export interface DescribedTarget {
  readonly name: string
  readonly type: string
  /** Path of enclosing containers; empty for none. */
  readonly prefix: string
  /** Inode of the network namespace; 0 when unknown. */
  readonly netns: number
  readonly pid: number
  readonly starttime: number
}

/** A scheme of references. */
export interface Scheme<R extends { readonly scheme: string }> {
  readonly name: R['scheme']
  readonly usage: readonly Usage[]
  /**
   * Reads the value behind the colon, decoded.
   * @throws what {@link Malformed} makes
   */
  parse(value: string, malformed: Malformed): R
  /** Writes the value so that {@link parse} reads the same reference. */
  format(reference: R): string
  /** The name of the scheme alone is a reference, without a value. */
  readonly isAlone?: true
  /** Returns the value as it may be shown and logged, where it holds a secret. */
  shown?(value: string): string | undefined
  /** A reference means every match; of any other several matches are ambiguous. */
  readonly meansEvery?: true
  /** Tells whether a target in the list of a Packetflix service is meant. */
  describes(reference: R, target: DescribedTarget): boolean
}

/** A scheme whose references mean containers, which engines tell of. */
export interface ContainerScheme<R extends { readonly scheme: string }> extends Scheme<R> {
  /** Returns the containers that are meant, in the order given. */
  match<C extends NamedContainer>(reference: R, containers: readonly C[]): C[]
  /** A container that is meant stands for the pod it is in. */
  readonly wholePods?: true
  /** What is compared with ids, and the beginnings of ids, as well as with names. */
  readonly takesIds?: true
  /** The references name this engine, and mean no container of another. */
  readonly engine?: NamedContainer['engine']
  /** What must be known of containers beyond their names. */
  readonly compares?: 'labels' | 'annotations' | 'environment'
}
