/** What is broken: a capture of each kind, as a user or Wireshark starts it. */

/** What a command line of a capture is made from. */
export interface Call {
  /** References of the two targets there are; the first one is what is struck. */
  readonly references: readonly [string, string]
  /** Inode of the network namespace of the first. */
  readonly netns: number
  /** File or fifo. */
  readonly output: string
  /** Of the service; empty without one. */
  readonly address: string
  readonly token: string
}

export interface Subject {
  readonly name: string
  /** Whether the capture itself is struck, or the service it goes through. */
  readonly role: 'local' | 'service' | 'client'
  readonly output: 'file' | 'fifo'
  /** Which face tells of a failure. */
  readonly face: 'command line' | 'extcap'
  readonly args: (call: Call) => readonly string[]
}

const throughService = ({ references, output, address, token }: Call) => [
  ...['capture', references[0], '-w', output],
  ...['--host', `http://${address}/?token=${token}`],
]

const asWireshark = (nif: string, output: string) => ['--capture', '--extcap-interface', nif, '--fifo', output]

export const subjects: readonly Subject[] = [
  {
    name: 'local file',
    ...{ role: 'local', output: 'file', face: 'command line' },
    args: ({ references, output }) => ['capture', references[0], '-w', output],
  },
  {
    name: 'local fifo',
    ...{ role: 'local', output: 'fifo', face: 'extcap' },
    args: ({ references, output }) => [...asWireshark('remora', output), '--reference', references[0]],
  },
  {
    name: 'local woven',
    ...{ role: 'local', output: 'file', face: 'command line' },
    args: ({ references, output }) => ['capture', ...references, '-w', output],
  },
  {
    name: 'local follow',
    ...{ role: 'local', output: 'file', face: 'command line' },
    args: ({ references, output }) => ['capture', '--follow', references[0], '-w', output],
  },
  {
    name: 'local wait',
    ...{ role: 'local', output: 'file', face: 'command line' },
    args: ({ references, output }) => ['capture', '--wait', references[0], 'named:never-there', '-w', output],
  },
  { name: 'service', role: 'service', output: 'file', face: 'command line', args: throughService },
  { name: 'client', role: 'client', output: 'file', face: 'command line', args: throughService },
  {
    name: 'client packetflix',
    ...{ role: 'client', output: 'fifo', face: 'extcap' },
    args: ({ netns, output, address, token }) => [
      ...asWireshark('packetflix', output),
      ...['--url', `packetflix:ws://${address}/capture?netns=${netns}&token=${token}`],
    ],
  },
]
