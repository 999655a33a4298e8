import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { captureRights } from '../../../../src/linux/capturing/rights.ts'
import { type TcpdumpOptions, tcpdumpArguments, tcpdumpFailure } from '../../../../src/linux/capturing/tcpdump.ts'
import { scratch } from '../../../helpers/scratch.ts'

const options: TcpdumpOptions = { interface: 'eth0', filter: '', promiscuous: true, bufferSize: 32 }

describe('argument vector', () => {
  test('whole packets with nanoseconds to standard output, each at once', () => {
    expect(tcpdumpArguments(options).join(' ')).toBe(
      '-i eth0 --immediate-mode -U -w - --time-stamp-precision=nano -n -s 262144 -B 32768 -Z root',
    )
  })

  test('what was asked for', () => {
    const args = tcpdumpArguments({ ...options, snaplen: 96, promiscuous: false, linkType: 'LINUX_SLL' })
    expect(args.join(' ')).toMatch(/ -s 96 .* -p -y LINUX_SLL$/)
  })

  test.each(['tcp port 80', '-w /etc/passwd', '--', '$(x) ; "'])(
    'the filter %j is one argument, and no option',
    filter => {
      expect(tcpdumpArguments({ ...options, filter }).slice(-2)).toEqual(['--', filter])
    },
  )
})

describe('complaints become errors with a code', () => {
  test.each([
    [
      "tcpdump: can't parse filter expression: syntax error",
      'FILTER_INVALID',
      'the capture filter "tcp prt 80" is not valid on eth0: syntax error',
    ],
    [
      "tcpdump: unknown host 'nosuch'",
      'FILTER_INVALID',
      'the capture filter "tcp prt 80" is not valid on eth0: unknown host \'nosuch\'',
    ],
    [
      'tcpdump: eth0: No such device exists (No such device exists)',
      'INTERFACE_NOT_FOUND',
      'the target has no interface eth0',
    ],
    [
      'tcpdump: eth0: setsockopt (PACKET_ADD_MEMBERSHIP): No such device',
      'INTERFACE_NOT_FOUND',
      'the target has no interface eth0',
    ],
    ['tcpdump: eth0: That device is not up', 'INTERFACE_NOT_FOUND', 'the interface eth0 is down'],
    [
      "tcpdump: eth0: You don't have permission to perform this capture on that device (socket: Operation not permitted)",
      'FORBIDDEN',
      'tcpdump may not capture as this user',
    ],
    [
      'nsenter: reassociate to namespaces failed: Operation not permitted',
      'FORBIDDEN',
      'this user may not enter the network namespace of the target',
    ],
    ['tcpdump: invalid data link type FOO', 'CAPTURE_FAILED', 'tcpdump failed: invalid data link type FOO'],
    ['tcpdump: something new', 'CAPTURE_FAILED', 'tcpdump failed: something new'],
  ])('%s', (complaint, code, message) => {
    expect(tcpdumpFailure(complaint, { interface: 'eth0', filter: 'tcp prt 80' })).toMatchObject({ code, message })
  })

  test('without a filter none is at fault', () => {
    expect(tcpdumpFailure("tcpdump: unknown host 'x'", { interface: 'eth0', filter: '' })).toMatchObject({
      code: 'CAPTURE_FAILED',
    })
  })
})

describe('rights of the capture', () => {
  const all = '000001ffffffffff'
  const none = '0000000000000000'
  const serviceSet = '0000000000283002'
  /** A /proc with one process in it. */
  function procOf(effective: string, ambient: string, uidMap = '         0          0 4294967295\n'): string {
    const proc = scratch()
    mkdirSync(join(proc, 'self'))
    writeFileSync(join(proc, 'self/status'), `CapEff:\t${effective}\nCapAmb:\t${ambient}\n`)
    writeFileSync(join(proc, 'self/uid_map'), uidMap)
    return proc
  }

  test('the service keeps the one capability of its own', () => {
    const rights = captureRights({}, procOf(serviceSet, serviceSet))
    expect(rights).toEqual(['--inh-caps=-all,+net_raw', '--ambient-caps=-all,+net_raw', '--no-new-privs'])
  })

  test('a plain user, whose tcpdump may carry the capability, changes nothing', () => {
    expect(captureRights({}, procOf(none, none))).toEqual([])
  })

  test('neither does a user namespace, in which nobody may be unknown', () => {
    expect(captureRights({ userFd: 7 }, procOf(all, none))).toEqual([])
    expect(captureRights({}, procOf(all, none, '0 1000 1\n'))).toEqual([])
  })
})
