/**
 * What each interface of Wireshark's can be told: one record an argument, from which the sentences of the dialog are made
 * and the command line is read (extcap(4)). A boolflag that is absent means false, whatever its default; defaults are
 * therefore what absence means.
 */
import { maximumSnaplen } from '../src/protocol/v1/values.ts'

/** An argument, with the attributes its sentence has. */
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

/** Arguments of the interface for any target. */
export const localArguments: readonly InterfaceArgument[] = [
  {
    number: 1,
    call: 'target',
    display: 'Target',
    type: 'selector',
    reload: true,
    placeholder: 'Reload targets',
    tooltip: 'What to capture; empty: the network of this host',
  },
  {
    number: 2,
    call: 'reference',
    display: 'or target references',
    type: 'string',
    placeholder: 'web db, pid:1234, named:blue, label:app=web',
    tooltip: 'Win over the target chosen above; several are captured together; remora --help lists the kinds',
  },
  {
    number: 3,
    call: 'interface',
    display: 'Network interface',
    type: 'selector',
    reload: true,
    placeholder: 'Reload interfaces',
    tooltip: 'Interface of the target; empty: every one that is up',
  },
  { number: 10, call: 'showcontainers', display: 'List containers', type: 'boolflag', group: 'List' },
  { number: 11, call: 'showpods', display: 'List pods', type: 'boolflag', group: 'List' },
  {
    number: 12,
    call: 'showprocs',
    display: 'List processes with a network of their own',
    type: 'boolflag',
    group: 'List',
  },
  {
    number: 13,
    call: 'showemptynetns',
    display: 'List network namespaces without a process',
    type: 'boolflag',
    group: 'List',
  },
  {
    number: 14,
    call: 'match',
    display: 'List only names that contain',
    type: 'string',
    group: 'List',
    tooltip: 'Applied when the targets are reloaded; no kind ticked means every kind',
  },
  {
    number: 18,
    call: 'wait',
    display: 'Wait for the target',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Begin when the target appears, with its first packet',
  },
  {
    number: 19,
    call: 'follow',
    display: 'Follow the target',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Go on when the target restarts, in the same capture',
  },
  { number: 20, call: 'noprom', display: 'No promiscuous mode', type: 'boolflag', group: 'Capture' },
  {
    number: 22,
    call: 'direction',
    display: 'Mark packets as received or sent',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Filter: frame.packet_flags_direction == 1 (in) or 2 (out)',
  },
  {
    number: 23,
    call: 'immediate',
    display: 'Every packet at once (tcpdump)',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'The last ones of a container that is killed included; costs more at high rates',
  },
  {
    number: 24,
    call: 'at',
    display: 'Capture at',
    type: 'selector',
    group: 'Capture',
    tooltip: "Inside the target, at the host's end of its veth pairs, or at both",
  },
  {
    number: 27,
    call: 'several',
    display: 'Where a reference means several',
    type: 'selector',
    group: 'Capture',
    tooltip: 'Nothing is captured, the target that was started last, or all of them; a label means all by itself',
  },
  {
    number: 25,
    call: 'tlskeys',
    display: 'Take TLS keys along (SSLKEYLOGFILE)',
    type: 'boolflag',
    group: 'Capture',
    tooltip: 'Wireshark then decrypts while it captures; packets come 300 ms later',
  },
  {
    number: 26,
    call: 'nonames',
    display: 'No names of containers',
    type: 'boolflag',
    group: 'Capture',
    tooltip:
      'Names show in place of addresses with View > Name Resolution > Resolve Network Addresses, or wireshark -N n',
  },
  {
    number: 30,
    call: 'together',
    display: 'Capture together with',
    type: 'multicheck',
    group: 'Together',
    tooltip: 'In one capture, each interface named after its target',
  },
  {
    number: 21,
    call: 'snaplen',
    display: 'Bytes kept of each packet (0: all)',
    type: 'unsigned',
    range: `0,${maximumSnaplen}`,
    group: 'Capture',
  },
]
