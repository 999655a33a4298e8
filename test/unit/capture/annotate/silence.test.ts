/** Why nothing comes: the reasons, and when they are told. Time is a number here. */
import { describe, expect, test } from 'vitest'
import { type Clock, type WatchedTarget, watchSilence } from '../../../../src/capture/annotate/silence.ts'
import {
  explainDirection,
  explainSilence,
  type InterfaceFacts,
  type SilenceFacts,
  silenceLines,
} from '../../../../src/capture/annotate/silence-reason.ts'

const facts: SilenceFacts = { target: 'web', filter: '', excluding: false, hostNetwork: false, interfaces: [] }

/** An interface that is up and captured. */
function nif(name: string, received = 0, sent = 0, other: Partial<InterfaceFacts> = {}): InterfaceFacts {
  return { name, captured: true, up: true, operstate: 'UP', loopback: name === 'lo', received, sent, ...other }
}
const apart = { captured: false } as const

describe('a reason', () => {
  test.each<[string, Partial<SilenceFacts>, string]>([
    [
      'is a link without the other end',
      { interfaces: [nif('eth0', 0, 0, { operstate: 'LOWERLAYERDOWN' })] },
      'no packet on web/eth0 for 3 s: the link is down (its other end is not up)',
    ],
    [
      'is a link that is down, whatever lo does',
      { interfaces: [nif('lo', 7, 7), nif('eth0', 0, 0, { up: false })] },
      'no packet on web (lo, eth0) for 3 s: the link of eth0 is down',
    ],
    [
      'is not a link that was down at first',
      { filter: 'udp', interfaces: [nif('eth0', 7, 0, { operstate: 'DOWN' })] },
      'no packet on web/eth0 for 3 s: 7 packets passed, none matches the filter "udp"',
    ],
    [
      'is not one link of two',
      { interfaces: [nif('eth0', 0, 0, { operstate: 'DOWN' }), nif('eth1')] },
      'no packet on web (eth0, eth1) for 3 s: nothing was sent or received since the capture began, and eth0 is down',
    ],
    [
      'is a link that is down and not captured, as the port of a bridge',
      { interfaces: [nif('lo', 0, 0, apart), nif('br0'), nif('eth0', 0, 0, { ...apart, up: false })] },
      'no packet on web/br0 for 3 s: nothing was sent or received since the capture began, and eth0 is down',
    ],
    [
      'is the filter, when packets pass; those of lo count once',
      { filter: 'tcp port 81', interfaces: [nif('lo', 20, 20), nif('eth0', 60, 1_040)] },
      'no packet on web (lo, eth0) for 3 s: 1,120 packets passed, none matches the filter "tcp port 81"',
    ],
    [
      'is that only the way of the capture itself carries packets',
      { excluding: true, interfaces: [nif('eth0', 1)] },
      'no packet on web/eth0 for 3 s: 1 packet passed, all of the connection that carries the capture away',
    ],
    [
      'is unknown, when packets pass unseen',
      { interfaces: [nif('eth0', 9, 0, { hasPeer: true })] },
      'no packet on web/eth0 for 3 s: 9 packets passed, and none of them could be seen: try --at peer',
    ],
    [
      'is unknown, and no other end is advised that there is not',
      { interfaces: [nif('eth0', 9, 0, { hasPeer: false })] },
      'no packet on web/eth0 for 3 s: 9 packets passed, and none of them could be seen',
    ],
    [
      'is traffic on lo only',
      { filter: 'udp', interfaces: [nif('lo', 4, 4, apart), nif('eth0')] },
      'no packet on web/eth0 for 3 s: traffic passes on lo only: add -i lo',
    ],
    [
      'is traffic on others only',
      { interfaces: [nif('eth0'), ...['a', 'b', 'c', 'd', 'e'].map(name => nif(name, 1, 0, apart))] },
      'no packet on web/eth0 for 3 s: traffic passes on a, b, c and 2 more only: add -i a -i b -i c',
    ],
    [
      'is the network of the host',
      { hostNetwork: true, interfaces: [nif('lo'), nif('eth0', 0, 0, apart)] },
      "no packet on web/lo for 3 s: web uses the network of the host: its traffic is on the host's interfaces",
    ],
    [
      'is the network of the host, where others carry something',
      { hostNetwork: true, interfaces: [nif('lo'), nif('eth0', 5, 0, apart)] },
      "no packet on web/lo for 3 s: web uses the network of the host: its traffic is on the host's interfaces (eth0 now: -i eth0)",
    ],
    [
      'is that there is nothing',
      { filter: 'udp', interfaces: [nif('lo'), nif('eth0')] },
      'no packet on web (lo, eth0) for 3 s: nothing was sent or received since the capture began',
    ],
    ['is missing where nothing can be read', { interfaces: undefined }, 'no packet on web for 3 s'],
    [
      'cannot steer the terminal',
      { target: 'w\x1b[2Jeb', filter: '\x07', interfaces: [nif('e\x1bth0', 1)] },
      'no packet on w\uFFFD[2Jeb/e\uFFFDth0 for 3 s: 1 packet passed, none matches the filter "\uFFFD"',
    ],
  ])('%s', (_, some, line) => {
    expect(silenceLines([{ ...facts, ...some }], true, 3)).toEqual([line])
  })

  test('is bounded, however long the filter is', () => {
    const reason = explainSilence({ ...facts, filter: 'x'.repeat(10_000), interfaces: [nif('eth0', 1)] })
    expect(reason?.length).toBeLessThan(300)
  })
})

describe('several targets', () => {
  const silent = (count: number, interfaces: readonly InterfaceFacts[] = [nif('eth0')]) =>
    Array.from({ length: count }, (_, index) => ({ ...facts, target: `t${index}`, interfaces }))

  test('that are all there are, and silent for one reason, are one line', () => {
    expect(silenceLines(silent(32), true, 3)).toEqual([
      'no packet on t0, t1, t2 and 29 more for 3 s: nothing was sent or received since the capture began',
    ])
  })

  test('that are all there are, with reasons of their own, are one line', () => {
    const down = silent(1, [nif('eth0', 0, 0, { operstate: 'LOWERLAYERDOWN' })])
    expect(
      silenceLines([...down, { ...facts, target: 'db', filter: 'udp', interfaces: [nif('lo', 3)] }], true, 3),
    ).toEqual([
      'no packet on 2 targets for 3 s: t0: the link is down (its other end is not up); db: 3 packets passed, none matches the filter "udp"',
    ])
  })

  test('beside others that are not are a line each, up to five', () => {
    const lines = silenceLines(silent(9), false, 3)
    expect(lines).toHaveLength(5)
    expect(lines[4]).toMatch(/^no packet on t4\/eth0 for 3 s: /)
  })
})

describe('one direction', () => {
  test.each<[InterfaceFacts, string | undefined]>([
    [nif('eth0', 10, 0, { hasPeer: true }), 'only packets received on web/eth0, none sent: try --at peer'],
    [nif('eth0', 0, 10, { hasPeer: true }), 'only packets sent on web/eth0, none received: try --at peer'],
    [nif('eth0', 0, 10), 'only packets sent on web/eth0, none received'],
    [nif('eth0', 10, 1), undefined],
    [nif('eth0', 9, 0), undefined],
    [nif('lo', 10, 0), undefined],
    [nif('eth0', 10, 0, apart), undefined],
  ])('%j', (interfaces, line) => {
    expect(explainDirection({ ...facts, interfaces: [interfaces] })).toBe(line)
  })
})

/** A watch in a time of its own, and targets whose counters are set by hand. */
function scene() {
  let time = 0
  let ticking: { action: () => void; each: number; next: number } | undefined
  const clock: Clock = {
    now: () => time,
    every(each, action) {
      ticking = { action, each, next: time + each }
      return () => {
        ticking = undefined
      }
    },
  }
  const lines: string[] = []
  const watch = watchSilence(line => lines.push(line), clock)
  return {
    lines,
    watch,
    isTicking: () => ticking !== undefined,
    async pass(milliseconds: number) {
      const end = time + milliseconds
      while (ticking !== undefined && ticking.next <= end) {
        time = ticking.next
        ticking.next += ticking.each
        ticking.action()
        await new Promise(setImmediate)
      }
      time = end
    },
    target(name: string, some: Partial<WatchedTarget> = {}) {
      const state = { captured: 0, received: 0, sent: 0, behind: false }
      const target: WatchedTarget = {
        ...{ target: name, filter: 'udp', excluding: false, hostNetwork: false, interfaces: ['eth0'] },
        links: async () => [{ name: 'eth0', up: true, operstate: 'UP', loopback: false, lower: { index: 3 } }],
        isBehind: () => state.behind,
        captured: () => state.captured,
        counters: () =>
          new Map([['eth0', { rxPackets: 100 + state.received, rxBytes: 0, txPackets: 7 + state.sent, txBytes: 0 }]]),
        ...some,
      }
      return Object.assign(state, { target })
    },
  }
}

describe('the watch', () => {
  test('tells once, after three seconds, and looks no longer than half a minute', async () => {
    const { lines, watch, pass, target, isTicking } = scene()
    watch.watch(target('web').target)
    await pass(2_999)
    expect(lines).toEqual([])
    await pass(1)
    const told = ['no packet on web/eth0 for 3 s: nothing was sent or received since the capture began']
    expect(lines).toEqual(told)
    await pass(60_000)
    expect(lines).toEqual(told)
    expect(isTicking()).toBe(false)
  })

  test('counts from when the capture began', async () => {
    const { lines, watch, pass, target } = scene()
    const web = target('web')
    watch.watch(web.target)
    web.received = 5
    await pass(3_000)
    expect(lines).toEqual(['no packet on web/eth0 for 3 s: 5 packets passed, none matches the filter "udp"'])
  })

  test('gives a packet that has just passed the time to be captured', async () => {
    const { lines, watch, pass, target } = scene()
    const [web, db] = [target('web'), target('db', { filter: 'tcp' })]
    for (const { target } of [web, db]) watch.watch(target)
    await pass(2_900)
    web.received = db.received = 1
    await pass(100)
    expect(lines).toEqual([])
    web.captured = 1
    await pass(1_000)
    expect(lines).toEqual(['no packet on db/eth0 for 3 s: 1 packet passed, none matches the filter "tcp"'])
  })

  test('waits for a dumpcap that waits for a processor', async () => {
    const { lines, watch, pass, target } = scene()
    const [web, db] = [target('web'), target('db')]
    for (const one of [web, db]) {
      watch.watch(one.target)
      Object.assign(one, { received: 25, sent: 25, behind: true })
    }
    await pass(6_000)
    expect(lines).toEqual([])
    web.captured = 50
    db.behind = false
    await pass(1_000)
    expect(lines).toEqual(['no packet on db/eth0 for 3 s: 50 packets passed, none matches the filter "udp"'])
  })

  test('says nothing of what ended, and nothing when it is closed', async () => {
    const { lines, watch, pass, target, isTicking } = scene()
    const forget = watch.watch(target('short').target)
    await pass(2_000)
    forget()
    await pass(4_000)
    expect(isTicking()).toBe(false)
    watch.watch(target('web').target)
    watch.close()
    await pass(9_000)
    expect(lines).toEqual([])
  })

  test('takes targets together that are armed soon after one another, and each that joins later', async () => {
    const { lines, watch, pass, target } = scene()
    watch.watch(target('a').target)
    await pass(400)
    watch.watch(target('b').target)
    await pass(2_600)
    expect(lines).toEqual(['no packet on a, b for 3 s: nothing was sent or received since the capture began'])
    watch.watch(target('c').target)
    await pass(3_000)
    expect(lines[1]).toMatch(/^no packet on c\/eth0 for 3 s/)
  })

  test('says no more than five lines, whoever joins', async () => {
    const { lines, watch, pass, target, isTicking } = scene()
    for (let life = 0; life < 20; life++) {
      const forget = watch.watch(target(`life ${life}`).target)
      await pass(3_000)
      forget()
    }
    expect(lines).toHaveLength(5)
    expect(isTicking()).toBe(false)
  })

  test('tells of one direction once, three seconds after the first packet', async () => {
    const { lines, watch, pass, target } = scene()
    const [web, db] = [target('web'), target('db')]
    for (const { target } of [web, db]) watch.watch(target)
    for (const one of [web, db]) Object.assign(one, { captured: 20, received: 20 })
    await pass(3_999)
    expect(lines).toEqual([])
    await pass(6_000)
    expect(lines).toEqual(['only packets received on web/eth0, none sent: try --at peer'])
  })

  test('asks for the links only in silence, and does without an answer', async () => {
    const { lines, watch, pass, target } = scene()
    let asked = 0
    const links = async () => {
      asked++
      throw new Error('gone')
    }
    const web = target('web', { links })
    watch.watch(web.target)
    await pass(2_999)
    expect(asked).toBe(0)
    await pass(10_000)
    expect([asked, lines]).toEqual([
      1,
      ['no packet on web/eth0 for 3 s: nothing was sent or received since the capture began'],
    ])
  })

  test('says nothing of a capture that has both', async () => {
    const { lines, watch, pass, target } = scene()
    const web = target('web')
    watch.watch(web.target)
    Object.assign(web, { captured: 20, received: 20, sent: 1 })
    await pass(60_000)
    expect(lines).toEqual([])
  })
})
