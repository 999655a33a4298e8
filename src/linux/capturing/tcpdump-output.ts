/**
 * What tcpdump says on standard error while it captures (tcpdump.c, info and error). Not an interface anyone promised, so
 * every line is optional and an unknown one is kept only as the possible reason of a failure.
 */
import { type CaptureReader, complaintCollector, lineSplitter } from './messages.ts'

/** What is counted at the end; a number that went below zero comes as a huge one (libpcap issue 994). */
const counters = /^(\d+) packets? (captured|received by filter|dropped by kernel|dropped by interface)$/
const plausible = 2 ** 31

/**
 * Reads the messages of a capture on one interface.
 * @param name of that interface: the counters do not tell it
 * @param countsDriver whether what the driver dropped concerns it. libpcap reads that from /sys, which shows the namespace
 *   that it was mounted in: of an interface in another one it is the number of a namesake.
 * @param onReady called once, when the capture is active: the line comes after activation and filter
 */
export function tcpdumpReader(name: string, countsDriver: boolean, onReady: () => void = () => {}): CaptureReader {
  const counts = new Map<string, number>()
  const complaints = complaintCollector(/^(?:tcpdump|nsenter|setpriv): /)
  let ready = false
  let goneInterface: string | undefined

  const lines = lineSplitter(text => {
    const [, count, what] = counters.exec(text) ?? []
    if (what !== undefined) counts.set(what, Number(count) < plausible ? Number(count) : 0)
    else if (/(?:^|: )listening on /.test(text)) {
      ready = true
      onReady()
    } else if (/: The interface disappeared$/.test(text)) goneInterface = name
    else if (!/: data link type |: (?:warning|WARNING|note)\b/.test(text)) complaints.add(text)
  })

  const statistics = () => {
    const [received, seen] = [counts.get('captured'), counts.get('received by filter')]
    if (received === undefined || seen === undefined) return []
    const kernel = counts.get('dropped by kernel') ?? 0
    const driver = countsDriver ? (counts.get('dropped by interface') ?? 0) : 0
    return [{ name, received, dropped: kernel + driver, flushed: Math.max(0, seen - kernel - received) }]
  }
  return {
    push: text => void lines.push(text),
    end: lines.end,
    messages: () => ({
      ready,
      packets: counts.get('captured') ?? 0,
      statistics: statistics(),
      goneInterface,
      complaint: complaints.complaint(),
    }),
  }
}
