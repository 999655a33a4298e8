/** Counts of the service in the text format of Prometheus (version 0.0.4). */
import type { monitorEventLoopDelay } from 'node:perf_hooks'
import type { RemoraError } from '../../base/errors.ts'
import type { CaptureReport } from '../../capture/request/report.ts'

/** Counts since the service began. */
export interface Metrics {
  /** Packets captured, and bytes sent to clients. */
  packets: number
  bytes: number
  /** Seconds of the last look at the host, and how many there were. */
  discovery: { seconds: number; count: number }
  /** Counts the end of a capture. */
  ended(report: CaptureReport | undefined, failure: RemoraError | undefined, counted: number): void
  /** The text. */
  format(): string
}

/** Milliseconds between two looks at the delay of the event loop. */
export const delayResolution = 10

interface Sources {
  readonly running: () => number
  readonly waiting: () => number
  readonly delay: ReturnType<typeof monitorEventLoopDelay>
}

/**
 * Counts that begin at nothing.
 * @param delay histogram of the event loop, reset with each look
 */
export function makeMetrics({ running, waiting, delay }: Sources): Metrics {
  const ends = new Map<string, number>()
  let dropped = 0
  const metrics: Metrics = {
    packets: 0,
    bytes: 0,
    discovery: { seconds: 0, count: 0 },
    ended(report, failure, counted) {
      const reason = failure?.code ?? report?.end ?? 'stopped'
      ends.set(reason, (ends.get(reason) ?? 0) + 1)
      metrics.packets += Math.max(0, (report?.packets ?? 0) - counted)
      dropped += report?.dropped ?? 0
    },
    format() {
      // The histogram counts the time between two of its own timers, late or not.
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - delayResolution / 1e3)
      const delays = [50, 99].map(
        percent => [`{quantile="${percent / 100}"}`, seconds(delay.percentile(percent))] as const,
      )
      const families = [
        family('remora_captures_running', 'gauge', 'Captures that run.', [['', running()]]),
        family('remora_tickets_waiting', 'gauge', 'Tickets not yet redeemed.', [['', waiting()]]),
        family(
          'remora_captures_ended_total',
          'counter',
          'Captures by the reason of their end.',
          [...ends].map(([reason, count]) => [`{reason="${reason}"}`, count]),
        ),
        family('remora_packets_total', 'counter', 'Packets captured.', [['', metrics.packets]]),
        family('remora_packets_dropped_total', 'counter', 'Packets lost in the kernel or in dumpcap.', [['', dropped]]),
        family('remora_bytes_total', 'counter', 'Bytes of capture sent.', [['', metrics.bytes]]),
        family('remora_discoveries_total', 'counter', 'Looks at the host.', [['', metrics.discovery.count]]),
        family('remora_discovery_seconds', 'gauge', 'Time the last look at the host took.', [
          ['', metrics.discovery.seconds],
        ]),
        family('remora_event_loop_delay_seconds', 'gauge', 'Delay of the event loop since the last scrape.', [
          ...delays,
          ['{quantile="1"}', seconds(delay.max)],
        ]),
        family('remora_resident_memory_bytes', 'gauge', 'Resident memory of the service.', [
          ['', process.memoryUsage.rss()],
        ]),
      ]
      delay.reset()
      return families.join('')
    },
  }
  return metrics
}

function family(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}
