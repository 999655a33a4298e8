/** The commands of the command line, their options and their help; each is loaded when it is run. */
import { Command, Option } from 'commander'
import { RemoraError } from '../base/errors.ts'
import { printError } from '../base/print-error.ts'
import { version } from '../base/version.ts'
import { optionList } from '../capture/request/options.ts'
import { containerEngines, containerStates, otherTypes } from '../model/target.ts'
import { listUsage } from '../reference/usage.ts'
import { print, warn } from './render/terminal.ts'

/**
 * The program, ready to parse an argument vector.
 * @param argv that vector: a command that it begins with is the only one there is, since a capture waits for each of them
 */
export function program(argv: readonly string[]): Command {
  const remora = new Command('remora')
    .description('Puts the packets of any container, pod, process or network namespace into Wireshark, live.')
    .version(`remora ${version}`, '-V, --version')
    .configureOutput({ writeOut: print, writeErr: warn, outputError: complainOfUsage })
    .exitOverride()
    .addHelpText('after', makeExamples)
    .helpCommand(false)

  const [first = ''] = argv
  const wanted = Object.hasOwn(commands, first) ? [first] : Object.keys(commands)
  for (const name of wanted) commands[name]?.(remora, argv)
  return remora
}

/** What adds a command to the program. */
type AddCommand = (remora: Command, argv: readonly string[]) => void

const commands: Readonly<Record<string, AddCommand>> = {
  list(remora) {
    const list = remora
      .command('list')
      .description('list everything on this host that can be captured')
      .argument('[PATTERN...]', 'parts of names, or patterns with * and ?')
      .option('--type <TYPE,...>', `only these types: ${[...containerEngines, ...otherTypes].join(', ')}`)
      .option('--engine <ENGINE,...>', `only containers and pods of these engines: ${containerEngines.join(', ')}`)
      .option('--state <STATE,...>', `only containers and pods in these states: ${containerStates.join(', ')}`)
      .option('--json', 'print an array of objects')
      .addOption(
        new Option(
          '--format <FORMAT>',
          'print a document as Ghostwire does: mobyshark (capture targets), ghostwire (topology)',
        ).conflicts(['json', 'wide', 'watch']),
      )
      .option('--wide', 'show process, network namespace and reference too')
      .option('--watch', 'go on, and print what appears, changes and goes; with --json one object a line')
      .action(async (patterns, options) => (await import('./list.ts')).list(patterns, options))
    withServiceOptions(list)
  },
  capture(remora) {
    withCaptureOptions(remora.command('capture'))
      .description('capture targets to a file or to standard output')
      .option('-w, --write <FILE>', 'file to write, - for standard output; default: standard output')
      .option('--dry-run', 'show what would be captured, and how, and do nothing')
      .option('--json', 'print a report in JSON at the end; on standard error when the packets go to standard output')
      .addOption(
        new Option(
          '--json-lines',
          'print events, one JSON object a line, where --json prints: waiting, armed, and ended with the report',
        ).conflicts(['json', 'dryRun']),
      )
      .option('--ready-fd <N>', 'write an empty line to this descriptor when the capture is armed, and close it')
      .action(async (targets, options) => (await import('./capture.ts')).capture(targets, options))
  },
  open(remora) {
    withCaptureOptions(remora.command('open'))
      .description('start Wireshark on a live capture of targets')
      .action(async (targets, options) => (await import('./open.ts')).open(targets, options))
  },
  run(remora, argv) {
    const run = remora
      .command('run')
      .description('run a command, and capture from before it starts until it has ended')
      .usage('--capture TARGET -w FILE [options] -- COMMAND...')
      .argument('<COMMAND...>', 'the command and its arguments')
      .addOption(
        new Option('--capture <TARGET>', 'target reference, or the name of a container; may be repeated')
          .argParser(gather)
          .makeOptionMandatory(),
      )
      .requiredOption('-w, --write <FILE>', 'file to write; the command finds its path in REMORA_CAPTURE_FILE')
      .option('--on-failure', 'keep the file only when the command, or the capture, failed')
      .option('--json', 'print a report in JSON at the end, on standard error')
      .action(async (command, options) => (await import('./run.ts')).run(behindDashes(argv, command), options))
    withOptionsOfCapture(run)
  },
  serve(remora) {
    // Its own face answers (bin/remora.ts); here it is only named.
    remora.command('serve').description('offer captures of this host to others: remora serve --help')
  },
  install(remora) {
    remora
      .command('install')
      .description('put remora where Wireshark looks for interfaces, and register packetflix: links')
      .option('--user', 'for this user only (the default, unless root)')
      .option('--system', 'for all users of this machine')
      .option('--service', 'for all users, and as a capture service that systemd runs')
      .option('--list <NUMBER>', 'how many running containers become interfaces of their own (0 to 64)')
      .option('--dry-run', 'say what would be done, and do nothing')
      .action(async options => (await import('./install.ts')).install(options))
  },
  uninstall(remora) {
    remora
      .command('uninstall')
      .description('take away what install has put there')
      .option('--user', 'what was installed for this user (the default, unless root)')
      .option('--system', 'what was installed for all users')
      .option('--service', 'only the capture service')
      .option('--dry-run', 'say what would be done, and do nothing')
      .action(async options => (await import('./install.ts')).uninstall(options))
  },
  doctor(remora) {
    remora
      .command('doctor')
      .description('check everything a capture needs, and say what mends what is missing')
      .option('--json', 'print an array of checks')
      .action(async options => (await import('./doctor.ts')).doctor(options))
  },
  info(remora) {
    remora
      .command('info')
      .description('show what a capture file tells of itself: target, interfaces, losses, and delays between points')
      .argument('<FILE>', 'pcapng or pcap file, - for standard input')
      .option('--json', 'print an object')
      .action(async (file, options) => (await import('./info.ts')).info(file, options))
  },
}

/**
 * The command to run stands behind `--`, so that its options are nobody else's.
 * @throws RemoraError USAGE
 */
function behindDashes(argv: readonly string[], command: readonly string[]): readonly string[] {
  if (argv.includes('--') && argv.length - argv.indexOf('--') - 1 === command.length) return command
  throw new RemoraError('USAGE', 'the command to run stands behind --', {
    hint: 'remora run --capture TARGET -w FILE -- COMMAND',
  })
}

function gather(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function withCaptureOptions(command: Command): Command {
  command.argument('<TARGET...>', 'target reference, or the name of a container; remora list shows them')
  return withOptionsOfCapture(command)
}

function withOptionsOfCapture(command: Command): Command {
  for (const { flags, shown, description, repeatable } of optionList.flatMap(([, option]) => option.flags)) {
    const option = new Option(flags, description)
    if (repeatable) option.argParser(gather)
    if (shown !== undefined) option.flags = shown
    command.addOption(option)
  }
  command.option('--strict', 'lost packets are a failure (exit status 7)')
  return withServiceOptions(command).option(
    '--include-self',
    'capture the connection that carries the capture away, too (of --host, or of SSH)',
  )
}

function withServiceOptions(command: Command): Command {
  return command
    .option('--host <URL>', 'a capture service in place of this host: HOST[:PORT], a URL, or unix:PATH')
    .option('--token-file <FILE>', 'file with the token of the service; else REMORA_TOKEN or REMORA_TOKEN_FILE')
    .option('--ca <FILE>', 'authorities whose certificates count, besides those of the system (PEM)')
    .option('--insecure', 'take any certificate')
}

/** Columns of a form of a reference in the help, before its meaning. */
const formColumns = 34

function usageLines(): string {
  const rows = listUsage().map(({ forms, means }) => {
    const written = `  ${forms.join(', ')}`
    const indent = `\n${' '.repeat(formColumns)}`
    return written.length < formColumns ? written.padEnd(formColumns) + means : written + indent + means
  })
  return rows.join('\n')
}

const makeExamples = () => `
Target references:
${usageLines()}

Examples:
  remora list
  remora capture web -w web.pcapng -a duration:60s
  remora capture web -f 'tcp port 80' -w - | tshark -r -
  remora open web
  remora capture --wait --follow web -w web.pcapng
  remora capture web --host server:5001 -w - | wireshark -k -i -
  remora run --capture web -w web.pcapng --on-failure -- npm test

REMORA_LOG_FILE=FILE in the environment writes down what happens, REMORA_LOG_LEVEL=debug more of it.`

/** Commander's words in the form of every other failure. */
function complainOfUsage(text: string): void {
  const [message = '', suggestion] = text
    .replace(/^error: /, '')
    .trim()
    .split('\n')
  printError(
    new RemoraError('USAGE', message, {
      hint: suggestion?.replace(/^\(|\)$/g, '') ?? 'remora --help shows what there is.',
    }),
  )
}
