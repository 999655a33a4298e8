import { describe, expect, test } from 'vitest'
import { type DumpcapOptions, dumpcapArguments, dumpcapFailure } from '../../../../src/linux/capturing/dumpcap.ts'
import { nsenterFailure } from '../../../../src/linux/namespace/nsenter.ts'

const options: DumpcapOptions = {
  interfaces: [{ name: 'eth0', description: 'docker' }],
  filter: '',
  promiscuous: true,
  bufferSize: 64,
  queueSize: 1024,
  comment: 'c',
  stopConditions: [],
  counting: false,
}

describe('argument vector', () => {
  test('one interface needs no threads', () => {
    expect(dumpcapArguments(options)).toEqual([
      '-q',
      '-w',
      '-',
      '-B',
      '64',
      '--capture-comment',
      'c',
      '-i',
      'eth0',
      '--ifdescr',
      'docker',
    ])
  })

  test('what holds for every interface stands before the first; behind it dumpcap applies it to one only', () => {
    const args = dumpcapArguments({
      ...options,
      interfaces: [...options.interfaces, { name: 'lo', description: 'docker' }],
      filter: 'tcp port 80',
      snaplen: 96,
      promiscuous: false,
    })
    const first = args.indexOf('-i')
    for (const option of ['-f', '-s', '-p', '-B', '-N', '-C']) expect(args.indexOf(option)).toBeLessThan(first)
    for (const option of ['-f', '-s', '-p', '-B', '-N', '-C']) expect(args).toContain(option)
    expect(args.filter(argument => argument === '-i')).toHaveLength(2)
  })

  test('what is opened in place of a name keeps it in the capture; a filter behind it is its own', () => {
    const cooked = { name: 'nflog', description: 'd', device: 'any', filter: 'ifindex 7 and (icmp)' }
    const args = dumpcapArguments({ ...options, filter: 'icmp', interfaces: [cooked] })
    expect(args.slice(args.indexOf('-i'))).toEqual([
      ...['-i', 'any', '--ifname', 'nflog', '-f', 'ifindex 7 and (icmp)', '--ifdescr', 'd'],
    ])
  })

  test('it never names a file', () => {
    const args = dumpcapArguments({ ...options, stopConditions: ['packets:3', 'duration:1.3'], counting: true })
    expect(args[args.indexOf('-w') + 1]).toBe('-')
    expect(args.filter(argument => argument.startsWith('-w'))).toHaveLength(1)
    expect(args).not.toContain('-q')
    expect(args).toEqual(expect.arrayContaining(['-a', 'packets:3', '-a', 'duration:1.3']))
  })
})

describe('complaints become errors with a code', () => {
  test.each([
    [
      "dumpcap: Invalid capture filter \"tcp prt 80\" for interface 'v1'. That string isn't a valid capture filter (can't parse filter expression: syntax error). See the User's Guide",
      'FILTER_INVALID',
      'the capture filter "tcp prt 80" is not valid on v1: syntax error',
    ],
    [
      'dumpcap: There is no device named "nope". (No such device exists)',
      'INTERFACE_NOT_FOUND',
      'the target has no interface nope',
    ],
    [
      'dumpcap: The capture session could not be initiated on capture device "d0". (setsockopt (PACKET_ADD_MEMBERSHIP): No such device) Please check that you have the proper interface or pipe specified.',
      'INTERFACE_NOT_FOUND',
      'the target has no interface d0',
    ],
    ['dumpcap: Device "tun0" is not up. (That device is not up)', 'INTERFACE_NOT_FOUND', 'the interface tun0 is down'],
    [
      'dumpcap: You do not have permission to capture on device "v1". (socket: Operation not permitted)',
      'FORBIDDEN',
      'dumpcap may not capture as this user',
    ],
    [
      'dumpcap: Not all the packets could be written to the file to which the capture was being saved because there is no space left on the file system',
      'CAPTURE_FAILED',
      'the disk is full: not all packets could be written',
    ],
    [
      'nsenter: reassociate to namespaces failed: Operation not permitted',
      'FORBIDDEN',
      'this user may not enter the network namespace of the target',
    ],
    [
      "nsenter: reassociate to namespace 'ns/net' failed: Invalid argument",
      'USAGE',
      'the target is a namespace, but no network namespace',
    ],
    ['dumpcap: something new', 'CAPTURE_FAILED', 'dumpcap failed: something new'],
  ])('%s', (complaint, code, message) => {
    expect(dumpcapFailure(complaint)).toMatchObject({ code, message })
  })

  test('what nsenter did not say is none of its failures', () => {
    expect(nsenterFailure('dumpcap: no')).toBeUndefined()
  })
})
