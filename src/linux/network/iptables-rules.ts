/** The output of iptables-save(8) of the table nat, as rules. Options that do not say where a packet goes are passed by. */
import { addressBits, type Family, isAddress } from '../../base/ip.ts'
import { type NatRule, type NatRules, portRange } from './nat-rules.ts'

/** Chains that see packets before they are routed, from outside and from inside. */
const hooks = ['PREROUTING', 'OUTPUT']

/** Targets that are no chains. */
const verdicts = new Set(['ACCEPT', 'DROP', 'RETURN', 'DNAT', 'SNAT', 'MASQUERADE', 'MARK', 'LOG', 'REDIRECT'])

/** Reads the rules. */
export function parseIptables(text: string, family: Family): NatRules {
  const chains = new Map<string, NatRule[]>()
  let table = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim()
    if (table !== 'nat' || !line.startsWith('-A ')) continue
    const [, chain = '', ...args] = wordsOf(line)
    const rules = chains.get(chain) ?? []
    rules.push(toRule(args, family))
    chains.set(chain, rules)
  }
  return { hooks, chains }
}

/** Words of a line; iptables-save puts those with blanks in double quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

function toRule(args: readonly string[], family: Family): NatRule {
  const values = optionsOf(args)
  const target = values.get('-j') ?? values.get('-g')
  const destination = values.get('--to-destination')
  const ports = values.get('--dport') ?? values.get('--dports')
  return {
    family,
    protocol: values.get('-p'),
    address: hostOf(values.get('-d'), family),
    ports: ports === undefined ? undefined : parsePorts(ports),
    jump: target === undefined || verdicts.has(target) ? undefined : target,
    to: target === 'DNAT' && destination !== undefined ? parseTarget(destination) : undefined,
  }
}

const wanted = new Set(['-p', '-d', '-j', '-g', '--dport', '--dports', '--to-destination'])

/** Values of the options that matter; a negated one narrows nothing down. */
function optionsOf(args: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (const [at, option] of args.entries()) {
    const value = args[at + 1]
    if (wanted.has(option) && args[at - 1] !== '!' && args[at - 1] !== '--comment' && value !== undefined)
      values.set(option, value)
  }
  return values
}

/** A single address, `10.0.0.1/32`; a network narrows nothing down that could be told. */
function hostOf(destination: string | undefined, family: Family): string | undefined {
  const [address = '', prefix] = (destination ?? '').split('/')
  if (!isAddress(address) || (prefix !== undefined && Number(prefix) !== addressBits[family])) return undefined
  return address
}

/** `80`, `80:90`, or a list of both. */
function parsePorts(text: string): number[] {
  return text.split(',').flatMap(part => {
    const [, first, last] = /^(\d+)(?::(\d+))?$/.exec(part) ?? []
    return first === undefined ? [] : portRange(Number(first), Number(last ?? first))
  })
}

/** `10.0.0.1`, `10.0.0.1:80`, `[fd00::1]:80`; of ranges the first. A range of ports shifts them, `80-90`: it keeps its own. */
function parseTarget(text: string): NatRule['to'] {
  const pattern = /^(?:\[([^\]]+)\]|([0-9.]+)(?:-[0-9.]+)?|([0-9a-f:]+)(?:-[0-9a-f:]+)?)(?::(\d+)(-\d+)?(?:\/\d+)?)?$/i
  const [, bracketed, v4, v6, port, range] = pattern.exec(text) ?? []
  const address = bracketed ?? v4 ?? v6
  if (address === undefined || !isAddress(address)) return undefined
  return { address, port: port === undefined || range !== undefined ? undefined : Number(port) }
}
