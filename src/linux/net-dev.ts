/** Counters of the interfaces of a network namespace, as any process in it shows them (proc(5), /proc/PID/net/dev). */
import { readText } from './proc.ts'

export interface DeviceCounters {
  readonly rxPackets: number
  readonly rxBytes: number
  readonly txPackets: number
  readonly txBytes: number
}

/** Counters by the name of the interface; undefined when the process has gone or may not be looked at. */
export function readDeviceCounters(pid: number, proc = '/proc'): Map<string, DeviceCounters> | undefined {
  const text = readText(`${proc}/${pid}/net/dev`)
  if (text === undefined) return undefined
  return new Map(
    text.split('\n').flatMap(line => {
      const [, name, numbers] = /^\s*(.+?):\s*(\d[\d\s]*)$/.exec(line) ?? []
      const values = numbers?.trim().split(/\s+/).map(Number) ?? []
      const [rxBytes = 0, rxPackets = 0, , , , , , , txBytes = 0, txPackets = 0] = values
      return name === undefined ? [] : [[name, { rxPackets, rxBytes, txPackets, txBytes }]]
    }),
  )
}
