/** Whether what was captured can be read, up to its last whole block, by remora and by Wireshark. */
import { existsSync, statSync } from 'node:fs'
import { run } from '../helpers/command.ts'
import { remora } from '../helpers/remora.ts'
import type { Case } from './cases.ts'
import type { Trial } from './trial.ts'

/**
 * Checks the file of a case.
 * @param ending of the capture
 */
export async function checkFile({ phase, fault, subject }: Case, trial: Trial, ending: string): Promise<void> {
  const { file } = trial
  const wasKilled = ending === 'SIGKILL'
  const partial = `${file}.partial`
  if (existsSync(partial) && !wasKilled) throw new Error('FILE.partial is left')
  const path = existsSync(partial) ? partial : file
  const isEmpty = !existsSync(path) || statSync(path).size === 0
  if (isEmpty && phase === 'start-up') return
  if (isEmpty) throw new Error('there is none')

  const { status, stdout, stderr } = await remora(['info', '--json', path])
  if (status !== 0) throw new Error(`remora info: ${stderr}`)
  const { totals, cutOff } = JSON.parse(stdout) as { totals: { packets: number }; cutOff?: { bytes: number } }
  // What has gone through a fifo cannot be taken back.
  if (cutOff !== undefined && !wasKilled && subject.output === 'file') throw new Error('it ends within a block')
  const fields = ['-T', 'fields', '-e', 'icmp.type', '-e', 'icmp.ident', '-e', 'icmp.seq']
  const tshark = await run(['tshark', '-n', '-r', path, ...fields])
  const packets = tshark.stdout.split('\n').slice(0, -1)
  if (packets.length !== totals.packets)
    throw new Error(`remora reads ${totals.packets} packets, tshark ${packets.length}`)
  const capinfos = await run(['capinfos', '-c', path])
  for (const { status, stderr } of [tshark, capinfos])
    if (status !== 0 && !(cutOff !== undefined && /cut short/.test(stderr))) throw new Error(`Wireshark: ${stderr}`)
  if (phase !== 'start-up' && totals.packets < 10) throw new Error(`it has ${totals.packets} packets`)
  if (ending === 'well' && fault.expect(subject, phase).effect === 'goes on') checkNumbers(packets)
}

/** Numbers of the echo requests of each sender: of the first to the last, without a gap. */
function checkNumbers(packets: readonly string[]): void {
  const senders = new Map<string, Set<number>>()
  for (const [type, sender = '', number] of packets.map(line => line.split('\t'))) {
    if (type !== '8') continue
    const numbers = senders.get(sender) ?? new Set()
    senders.set(sender, numbers.add(Number(number)))
  }
  for (const numbers of senders.values()) {
    const missing = Math.max(...numbers) - Math.min(...numbers) + 1 - numbers.size
    if (missing > 0) throw new Error(`${missing} packets are missing`)
  }
}
