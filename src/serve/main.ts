/** `remora serve`: reads the command line, starts the service, and ends it when asked to. */

import { once } from 'node:events'
import { readFileSync, watchFile } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { type Logger, pino } from 'pino'
import { RemoraError, toRemoraError } from '../base/errors.ts'
import { printError } from '../base/print-error.ts'
import { redact } from '../base/redact.ts'
import { onFault } from '../base/timers.ts'
import { escapeControls, writeFully } from '../base/write.ts'
import { cleanUpOrphans } from '../capture/cleanup.ts'
import { signalLifetime } from '../capture/request/lifetime.ts'
import { mostOfService } from '../capture/request/places.ts'
import { isExposed, readOrMakeToken, readToken } from './auth/token.ts'
import { parseReaderAddress, readerName } from './captures/pcap-over-ip.ts'
import { nameOf, parseListenAddress, standardAddresses } from './listen/address.ts'
import { type Service, startService } from './server.ts'

interface ServeOptions {
  readonly listen?: readonly string[]
  readonly pcapOverIp?: readonly string[]
  readonly socketGroup?: string
  readonly tokenFile?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsClientCa?: string
  readonly allowHost?: readonly string[]
  readonly allowOrigin?: readonly string[]
  readonly allowTlsKeys?: boolean
  readonly maxCaptures: string
  readonly maxCapturesPerPeer: string
  readonly maxInterfaces: string
  readonly logLevel: string
}

/** Runs the service until a signal ends it. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    const command = serveCommand()
    command.parse([...argv], { from: 'user' })
    await serve(command.opts<ServeOptions>())
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
      return
    }
    const failure = toRemoraError(error)
    printError(failure)
    process.exitCode = failure.exit
  }
}

function serveCommand(): Command {
  const several = (value: string, before: string[] = []) => [...before, value]
  return new Command('remora serve')
    .description('offer captures of this host to remoras elsewhere, to clients of Packetflix, and to browsers')
    .option(
      '--listen <ADDRESS>',
      'HOST:PORT or unix:PATH, may be repeated; default: 127.0.0.1:5001 and [::1]:5001',
      several,
    )
    .option(
      '--pcap-over-ip <ADDRESS>',
      '[HOST:]PORT[=TARGET]: send a capture of the target (default: host) to whoever connects from this host; may be repeated',
      several,
    )
    .option('--socket-group <GROUP>', 'group that may use the unix sockets; default: wireshark, where there is one')
    .option('--token-file <FILE>', 'file with the token clients must send; made when it is not there')
    .option('--tls-cert <FILE>', 'certificate chain (PEM), read again when it changes')
    .option('--tls-key <FILE>', 'its key (PEM)')
    .option('--tls-client-ca <FILE>', 'authority of the certificates clients may show in place of a token (PEM)')
    .option(
      '--allow-host <NAME>',
      'name the service is called by, besides localhost and addresses; may be repeated',
      several,
    )
    .option(
      '--allow-origin <ORIGIN>',
      'another site whose pages may call, https://example.org; may be repeated',
      several,
    )
    .option('--allow-tls-keys', 'let clients have the TLS keys of the targets (SSLKEYLOGFILE) in their captures')
    .option('--max-captures <NUMBER>', 'captures at once', '256')
    .option('--max-captures-per-peer <NUMBER>', 'captures at once of one client address', '128')
    .option(
      '--max-interfaces <NUMBER>',
      'interfaces that merged captures have at once, all together',
      String(mostOfService),
    )
    .option('--log-level <LEVEL>', 'trace, debug, info, warn or error', 'info')
    .configureOutput({
      writeOut: text => writeFully(1, text),
      writeErr: text => writeFully(2, text),
      outputError: text =>
        printError(
          new RemoraError('USAGE', text.replace(/^error: /, '').trim(), {
            hint: 'remora serve --help shows what there is.',
          }),
        ),
    })
    .exitOverride()
}

async function serve(options: ServeOptions): Promise<void> {
  const log = pino({ level: levelOf(options.logLevel) }, { write: line => writeFully(2, escapeControls(redact(line))) })
  onFault(error => log.error({ err: error }, 'fault'))
  for (const line of cleanUpOrphans()) log.warn(line)
  const service = await startService({
    listen: options.listen?.map(parseListenAddress) ?? standardAddresses,
    pcapOverIp: (options.pcapOverIp ?? []).map(parseReaderAddress),
    socketGroup: groupNumber(options.socketGroup),
    rules: {
      tlsKeys: options.allowTlsKeys ?? false,
      token: tokenSource(options.tokenFile, log),
      certificates: options.tlsClientCa !== undefined,
      hosts: (options.allowHost ?? []).map(name => name.toLowerCase()),
      origins: options.allowOrigin ?? [],
    },
    tls: tlsFiles(options),
    limits: {
      captures: numberOf('--max-captures', options.maxCaptures),
      capturesPerPeer: numberOf('--max-captures-per-peer', options.maxCapturesPerPeer),
      interfaces: numberOf('--max-interfaces', options.maxInterfaces),
    },
    log,
  })
  const readers = service.readers.map(readerName)
  if (readers.length > 0) log.warn({ readers }, 'whoever connects from this host gets packets, without a token')
  log.info({ addresses: service.addresses.map(nameOf), ...(readers.length > 0 && { readers }) }, 'listening')
  await untilAsked(service, log)
}

/** The first signal ends every capture with what it has; a later one at once. */
async function untilAsked(service: Service, log: Logger): Promise<void> {
  const { stop, kill } = signalLifetime()
  await once(stop, 'abort')
  log.info({ signal: stop.reason }, 'ending')
  await service.close(kill)
  process.exit()
}

/** The token as it is at the moment: its file is read again when it changes. */
function tokenSource(path: string | undefined, log: Logger): () => string | undefined {
  if (path === undefined) return () => undefined
  let { token, made } = readOrMakeToken(path)
  if (made) writeFully(2, `hint: a token was made; clients find it in ${path} (remora capture --token-file FILE)\n`)
  else if (isExposed(path)) log.warn(`${path} can be read by others: chmod 600 ${path}`)
  watchFile(path, { interval: 2_000, persistent: false }, () => {
    try {
      token = readToken(path)
      log.info('token read again')
    } catch (error) {
      log.error({ err: error }, 'the new token cannot be used; the old one stays')
    }
  })
  return () => token
}

function tlsFiles({ tlsCert, tlsKey, tlsClientCa }: ServeOptions) {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new RemoraError('USAGE', 'TLS needs --tls-cert and --tls-key together', {
      hint: 'Name a certificate and its key, both in PEM.',
    })
  }
  return { cert: tlsCert, key: tlsKey, clientCa: tlsClientCa }
}

/** Debian's group of those who may capture (wireshark-common). */
const standardGroup = 'wireshark'

function groupNumber(name: string | undefined): number | undefined {
  const wanted = name ?? standardGroup
  const line = readGroups()
    .split('\n')
    .find(entry => entry.startsWith(`${wanted}:`))
  if (line !== undefined) return Number(line.split(':')[2])
  if (name !== undefined)
    throw new RemoraError('USAGE', `there is no group ${name}`, {
      hint: `Make it (groupadd ${name}), or name another with --socket-group.`,
    })
  return undefined
}

/** A minimal image may have no groups at all. */
function readGroups(): string {
  try {
    return readFileSync('/etc/group', 'utf8')
  } catch {
    return ''
  }
}

function numberOf(option: string, text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new RemoraError('USAGE', `${option} takes a number from 1 to 99999, not "${text}"`)
}

function levelOf(text: string): string {
  if (['trace', 'debug', 'info', 'warn', 'error'].includes(text)) return text
  throw new RemoraError('USAGE', `unknown log level "${text}"`, { hint: 'trace, debug, info, warn or error' })
}
