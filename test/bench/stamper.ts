/** Stands in for dumpcap: a hundred packets a second, each of them the moment it is written (nanoseconds, CLOCK_MONOTONIC). */
import { writeSync } from 'node:fs'
import { description, packet, sectionHeader } from '../helpers/blocks.ts'

process.on('SIGINT', () => process.exit())
writeSync(1, Buffer.concat([sectionHeader(), description()]))
setInterval(() => {
  writeSync(1, packet(0, 0n, String(process.hrtime.bigint()).padStart(20, '0').padEnd(100)))
}, 10)
