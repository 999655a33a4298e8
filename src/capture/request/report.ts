/** What is told of a capture while it runs, and when it has ended. */
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import type { Lifetime } from './lifetime.ts'

/** How a capture went. */
export interface CaptureReport {
  /** What was captured, in canonical form. */
  readonly reference: string
  readonly end: CaptureEnd
  /** Whether dumpcap ended by itself, with its statistics written, and every interface was captured that was asked for. */
  readonly complete: boolean
  /** Interfaces that came up while it ran, and were not captured. */
  readonly missedInterfaces?: readonly string[] | undefined
  /** Interface whose removal ended the capture. */
  readonly goneInterface?: string | undefined
  readonly interfaces: readonly InterfaceReport[]
  /** Packets in the capture, and packets lost on the way into it. */
  readonly packets: number
  readonly dropped: number
  /** Packets that stand behind later ones of other interfaces, since they came after the window; undefined for none. */
  readonly late?: number | undefined
  /** Seconds from armed to the end. */
  readonly seconds: number
  /** Lives of the target, where more than one was asked for. */
  readonly lives?: number | undefined
}

/** Packets of one interface. */
export interface InterfaceReport {
  readonly name: string
  /** Packets taken from the kernel; of a woven capture those that are in it. */
  readonly received: number
  /** Packets lost, wherever that was. */
  readonly dropped: number
  /** Packets that are shorter in the capture than they were, though no snapshot length asks for it; undefined for none. */
  readonly cut?: number | undefined
}

/** What was captured up to now. */
export interface Progress {
  readonly packets: number
  /** Bytes of capture. */
  readonly bytes: number
  /** Seconds since it was armed. */
  readonly seconds: number
}

/** Who is told of a running capture, and who may end it. */
export interface RunOptions {
  readonly lifetime: Lifetime
  /** End when this process is no longer a child of this one. */
  readonly parent?: number
  /** Called when the capture is active on every interface, and again for each life that joins it. */
  readonly onArmed?: () => void
  /** Told why packets are missing, or none come, in a line for people. */
  readonly onSilence?: (line: string) => void
  /** Called each second while the capture runs. */
  readonly onProgress?: (progress: Progress) => void
}
