/**
 * Long input: a text as long as an argument may be, of a few words over and over, and blocks of a capture file with as many
 * small things in them as fit. What takes more time than the length of its input accounts for stands out at once.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { withoutSecrets as argvWithoutSecrets, parseExtcapCall } from '../../extcap/argv.ts'
import { containerInterface } from '../../extcap/interfaces.ts'
import { attributeText } from '../../extcap/sentence.ts'
import { withoutSecrets } from '../../src/base/redact.ts'
import { printable } from '../../src/base/write.ts'
import { scalar } from '../../src/base/yaml.ts'
import { parseInterfaceNames } from '../../src/capture/request/options.ts'
import { parseReferences } from '../../src/capture/request/request.ts'
import { parseCgroup } from '../../src/engine/cgroup.ts'
import { splitComments } from '../../src/inspect/documents.ts'
import { makeSummariser } from '../../src/inspect/summarise.ts'
import { dumpcapFailure } from '../../src/linux/capturing/dumpcap.ts'
import { tcpdumpFailure } from '../../src/linux/capturing/tcpdump.ts'
import { parseHosts, parseResolver } from '../../src/linux/host/dns.ts'
import { parseListening } from '../../src/linux/host/listeners.ts'
import { parseNamespaceMounts } from '../../src/linux/namespace/mountinfo.ts'
import { parseIptables } from '../../src/linux/network/iptables-rules.ts'
import { keyLines } from '../../src/pcapng/key-log.ts'
import { pcapngReader } from '../../src/pcapng/read.ts'
import { shorten } from '../../src/protocol/packetflix/close.ts'
import { targetComment } from '../../src/protocol/packetflix/comment.ts'
import { parseParameters, parseTarget } from '../../src/protocol/packetflix/parameters.ts'
import { parsePacketflixUrl } from '../../src/protocol/packetflix/url.ts'
import { parseReference } from '../../src/reference/reference.ts'
import { closedFailure, toldFailure } from '../../src/remote/failure.ts'
import { parseServiceAddress } from '../../src/remote/service.ts'
import { blocksIn } from '../helpers/pcapng-builder.ts'
import { type FuzzTarget, target, unlessRefused } from './target.ts'

/** Whatever is done with a text from outside. */
const uses: Readonly<Record<string, (text: string) => unknown>> = {
  argv: text => parseExtcapCall([text, `--target=${text}`]),
  argvWithoutSecrets: text => argvWithoutSecrets([text]),
  attributeText,
  closedFailure: text => closedFailure({ base: 'http://h' }, 1011, text),
  containerInterface,
  dumpcapFailure,
  keyLines: text => keyLines(Buffer.from(text)),
  parseCgroup,
  parseHosts,
  parseInterfaceNames: text => parseInterfaceNames([text]),
  parseIptables: text => parseIptables(`*nat\n-A ${text}\n`, 'ipv4'),
  parseListening,
  parseNamespaceMounts,
  parsePacketflixUrl,
  parseParameters: text => parseParameters(new URLSearchParams(text), () => text),
  parseReference,
  parseReferences,
  parseResolver,
  parseServiceAddress,
  parseTarget,
  printable,
  scalar,
  shorten,
  splitComments: text => splitComments([text]),
  targetComment: text => targetComment({ name: text, type: text, node: text, filter: text, promiscuous: true }),
  tcpdumpFailure: text => tcpdumpFailure(text, { filter: text, interface: 'eth0' }),
  toldFailure,
  withoutSecrets,
}

/** Bytes of an argument at most (MAX_ARG_STRLEN of execve(2)). */
const longestArgument = 131_072

const word = fc.constantFrom(
  ...[
    '',
    'a',
    '0',
    '/',
    '//',
    ':',
    '@',
    '%',
    '%41',
    '"',
    '\\',
    '\\"',
    '(',
    ')',
    '{',
    '}',
    '[',
    ' ',
    '\t',
    '\n',
    '-',
    '_',
  ],
  ...['.', '=', '?', '&', '#', ',', ';', "'", 'é', '\ud800', '🦈', 'x@', 'packetflix:', 'ws://', 'h', '?token=', '1.1'],
  ...['/v1/capture/', '/capture', '---\n', '---', '# remora context', '"a":', 'for="', 'Invalid capture filter "'],
  ...[
    '" for interface \'',
    "' (",
    'There is no device named "',
    'expression',
    'CLIENT_RANDOM ',
    'nameserver ',
    'pid:1',
  ],
)
const text = fc
  .tuple(word, fc.array(word, { minLength: 1, maxLength: 2 }), word)
  .map(([first, [one = '', other = ''], last]) => {
    const part = one + other || 'x'
    return first + part.repeat(longestArgument / part.length) + last
  })

const texts = target('long texts', 6_000, fc.tuple(fc.constantFrom(...Object.keys(uses)), text), ([use, long]) => {
  unlessRefused(
    () => uses[use]?.(long),
    'USAGE',
    'CAPTURE_FAILED',
    'FILTER_INVALID',
    'INTERFACE_NOT_FOUND',
    'FORBIDDEN',
  )
})

const blocks = blocksIn('LE')
const option = (code: number, value: string) => [code, Buffer.from(value)] as const
const many = <T>(count: number, thing: T): T[] => Array.from({ length: count }, () => thing)

/** Files of a few megabytes, each of one thing over and over. */
const files: Readonly<Record<string, (count: number) => Buffer[]>> = {
  'comments of a packet': count => [blocks.packet({ options: many(count, option(1, '')) })],
  'comments of a section': count => [blocks.section(many(count, option(1, '---\n')))],
  'comments of an interface': count => [blocks.description(many(count, option(1, 'x')))],
  'comments of statistics': count => [blocks.statistics(0, 1n, many(count, option(1, 'x')))],
  'names of an address': count => [blocks.names(many(count >> 13, option(1, `\0\0\0\0${'a\0'.repeat(30_000)}`)))],
  'names records': count => [blocks.names(many(count, option(1, '\0\0\0\0a\0')))],
  interfaces: count => many(count >> 3, blocks.description([option(2, 'x')])),
  sections: count => many(count >> 3, blocks.section()),
  packets: count => many(count >> 2, blocks.packet({ options: [option(5, '12345678'), option(1, 'x')] })),
}

const repeated = target(
  'files of one thing over and over',
  60,
  fc.tuple(fc.constantFrom(...Object.keys(files)), fc.integer({ min: 40_000, max: 80_000 })),
  ([kind, count]) => {
    const bytes = Buffer.concat([blocks.section(), blocks.description(), ...(files[kind]?.(count) ?? [])])
    const summariser = makeSummariser()
    try {
      for (const record of pcapngReader().push(bytes)) summariser.take(record)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
    assert.ok(JSON.stringify(summariser.result()).length < 4_000_000)
  },
)

export const longTargets: readonly FuzzTarget[] = [texts, repeated]
