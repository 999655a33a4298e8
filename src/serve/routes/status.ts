/** `/healthz` and `/metrics`: for those who look after the service. */
import type { RouteContext } from '../captures/service-state.ts'

/** Answers as soon as the service can answer anything. */
export function printHealth(c: RouteContext): Response {
  return c.json({ status: 'ok' })
}

/** Answers with the counts for Prometheus. */
export function printMetrics(c: RouteContext): Response {
  return c.body(c.env.service.metrics.format(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
}
