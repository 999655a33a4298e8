/**
 * What each interface of Wireshark's can be told: one record an argument, from which the sentences of the dialog are made
 * and the command line is read (extcap(4)). Those for the options of a capture are in the records of the options. A boolflag that is absent means false, whatever its default; defaults are
 * therefore what absence means.
 */
import type { DialogOption, InterfaceArgument } from '../src/capture/request/option.ts'
import { optionList } from '../src/capture/request/options.ts'

/** What chooses the targets of the interface for any target. */
const targetArguments: readonly InterfaceArgument[] = [
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
    number: 30,
    call: 'together',
    display: 'Capture together with',
    type: 'multicheck',
    group: 'Together',
    tooltip: 'In one capture, each interface named after its target',
  },
]

/** What Wireshark's dialog has of the options of a capture, by their calls. */
export const dialogOptions: ReadonlyMap<string, DialogOption<unknown>> = new Map(
  optionList.flatMap(([, { dialog }]) => (dialog === undefined ? [] : [[dialog.argument.call, dialog] as const])),
)

/** Arguments of the interface for any target, in the order of the dialog. */
export const localArguments: readonly InterfaceArgument[] = [
  ...targetArguments.map(argument => ({ argument, row: undefined })),
  ...dialogOptions.values(),
]
  .sort((a, b) => (a.row ?? a.argument.number) - (b.row ?? b.argument.number))
  .map(({ argument }) => argument)
