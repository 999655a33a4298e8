/** The shape of an option: everything that faces, services and plans know of it. */
import type { GenericSchema } from 'valibot'
import type { BodyFields } from '../../protocol/v1/fields.ts'

/** An option of a capture. Methods take and give its value in a request. */
export interface CaptureOption<T> {
  /** Its value where nobody says anything. */
  readonly default: T
  /** How the command line says it; several flags may say one value. */
  readonly flags: readonly CommandFlag[]
  /**
   * Reads the flags, which commander has gathered under its names of them; undefined: none was given.
   * @throws RemoraError USAGE
   */
  fromFlags(typed: never): T | undefined
  /** How Wireshark's dialog says it. */
  readonly dialog?: DialogOption<T>
  /** How the body of `POST /v1/captures` says it. */
  readonly field: BodyField<T>
  /** Tells why the capture must be merged, where this value is a reason. */
  reasonToMerge?(value: T): string | false
  /** What becomes of it at a Packetflix service; `refuse` tells what the service does not know, where this value needs it. */
  readonly packetflix: 'passed on' | 'done by the client' | { refuse(value: T): string | false }
}

/** A flag of the command line. */
export interface CommandFlag {
  /** In commander's notation. */
  readonly flags: string
  /** For people, where commander's notation says something else. */
  readonly shown?: string
  /** For people, one phrase. */
  readonly description: string
  /** May be given several times. */
  readonly repeatable?: boolean
}

/** An option in the dialog. */
export interface DialogOption<T> {
  readonly argument: InterfaceArgument
  /** Where the dialog shows it; undefined: where its number stands. */
  readonly row?: number
  /** What a selector offers; the first is the default. */
  readonly choices?: readonly { readonly value: string; readonly display: string }[]
  /**
   * Reads its text, which is empty where nothing was chosen, or whether it is ticked; undefined: the default.
   * @throws RemoraError USAGE
   */
  read(value: never): T | undefined
}

/** An argument of an interface of Wireshark's, with the attributes its sentence has (extcap(4)). */
export interface InterfaceArgument {
  /** Numbers order the dialog and tie values to their argument. */
  readonly number: number
  /** Name of the option, without dashes before it. */
  readonly call: string
  /** At most 80 printable characters; nothing from outside, since Wireshark aborts over a bad one. */
  readonly display: string
  readonly type: 'string' | 'selector' | 'multicheck' | 'boolflag' | 'unsigned' | 'password' | 'fileselect'
  readonly tooltip?: string
  readonly placeholder?: string
  readonly reload?: boolean
  readonly range?: string
  readonly group?: string
  /** Ticked when the dialog opens for the first time. */
  readonly default?: boolean
  readonly required?: boolean
  readonly mustexist?: boolean
}

/** An option in the body of a request. */
export interface BodyField<T> {
  /** Undefined: the name the option has in a request. */
  readonly name?: string
  /** For the description of the service. */
  readonly description: string
  /** For the table of the documentation, in Markdown, where it says more. */
  readonly documentation?: string
  /** What its absence means, for the table, where that is no value. */
  readonly absent?: string
  /** What it may be; the schemas are loaded by who checks a body. */
  schema(fields: BodyFields): GenericSchema
  /** Its value in JSON, where that is another one; undefined: it is left out. */
  write?(value: T): unknown
  /** The reverse. */
  read?(json: never): T | undefined
}
