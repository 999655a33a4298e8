/**
 * What dumpcap says on standard error while it captures (dumpcap.c, report_*). Not an interface anyone promised, so every
 * line is optional and an unknown one is kept only as the possible reason of a failure.
 */
import { withoutColon } from './device.ts'
import { type CaptureReader, complaintCollector, type InterfaceStatistics, lineSplitter } from './messages.ts'

/**
 * Reads the messages.
 * @param onReady called once, when the capture is active
 * @param countsDriver whether what the driver is said to have dropped is of these very interfaces
 */
export function dumpcapReader(onReady: () => void = () => {}, countsDriver = true): CaptureReader {
  const statistics: InterfaceStatistics[] = []
  const complaints = complaintCollector(/^(?:dumpcap|nsenter|setpriv): /)
  let ready = false
  let packets = 0
  let goneInterface: string | undefined

  const line = (text: string) => {
    // A count has no end of line, so what is said next stands behind it.
    const [, count, said = text] = /^Packets(?: captured)?: (\d+) ?(.*)$/.exec(text) ?? []
    if (count !== undefined) packets = Number(count)
    if (said === '') return
    if (said.startsWith('File: ')) {
      ready = true
      onReady()
    } else if (said.startsWith('Packets received/dropped')) statistics.push(...parseStatistics(said, countsDriver))
    else if (/no longer attached/.test(said))
      goneInterface = withoutColon(/adapter "(.*?)"/.exec(said)?.[1] ?? 'an interface')
    else complaints.add(said)
  }

  const lines = lineSplitter(line)
  return {
    push(text) {
      const rest = lines.push(text)
      // The last count would otherwise be known with the next packet only.
      if (/^Packets: \d+ $/.test(rest)) line(rest)
    },
    end: lines.end,
    messages: () => ({ ready, packets, statistics, goneInterface, complaint: complaints.complaint() }),
  }
}

/**
 * `Packets received/dropped on interface 'Loopback: lo': 26/4 (pcap:1/dumpcap:2/flushed:1/ps_ifdrop:0) (96.3%)`. The
 * display name is `text: name`. Flushed packets are those that dumpcap's threads had taken over, and threw away at the end.
 */
function parseStatistics(text: string, countsDriver: boolean): InterfaceStatistics[] {
  const [, display, received, kernel, queue, flushed, driver] =
    /on interface '(.*)': (\d+)\/\d+ \(pcap:(\d+)\/dumpcap:(\d+)\/flushed:(\d+)\/ps_ifdrop:(\d+)\)/.exec(text) ?? []
  if (display === undefined) return []
  return [
    {
      name: display.slice(display.lastIndexOf(': ') + 1).trim(),
      received: Number(received),
      dropped: Number(kernel) + Number(queue) + (countsDriver ? Number(driver) : 0),
      flushed: Number(flushed),
    },
  ]
}
