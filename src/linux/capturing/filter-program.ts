/** What a capture filter becomes: the program the kernel runs on every packet (bpf_image(3PCAP)). */

import type { NetworkNamespace } from '../namespace/netns.ts'
import { checkFilter } from './dumpcap.ts'

/** Instructions of a program that are kept; more than these the kernel does not take (BPF_MAXINSNS, linux/bpf_common.h). */
const mostInstructions = 4_096

/**
 * Compiles a capture filter for interfaces, as their captures would.
 * @returns a program for each, in the order given: an instruction a line, the last line `…` where it is longer than the kernel
 *   takes, and dumpcap runs it instead
 * @throws RemoraError as {@link checkFilter} does
 */
export async function compileFilter(
  namespace: NetworkNamespace,
  filter: string,
  interfaces: Parameters<typeof checkFilter>[2],
  signal?: AbortSignal,
): Promise<string[]> {
  const programs = parsePrograms(await checkFilter(namespace, filter, interfaces, signal))
  return interfaces.map((_, index) => programs[index] ?? '')
}

/** Divides what dumpcap prints: each program begins with instruction 0. */
export function parsePrograms(text: string): string[] {
  const programs: string[][] = []
  for (const line of text.split('\n')) {
    if (/^\(0+\) /.test(line)) programs.push([])
    const program = programs.at(-1)
    if (program === undefined || !/^\(\d+\) /.test(line)) continue
    if (program.length < mostInstructions) program.push(line.replaceAll('\t', ' ').trimEnd())
    else if (program.length === mostInstructions) program.push('…')
  }
  return programs.map(program => program.join('\n'))
}
