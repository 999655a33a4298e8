/** Carries out a capture that a service makes: the connection, its notes, its timers. What comes is counted and handed on. */
import { type Log, silentLog } from '../../base/log.ts'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import { setTimeout } from '../../base/timers.ts'
import type { CaptureReport, Progress } from '../../capture/request/report.ts'
import { packetCounter } from '../../pcapng/count.ts'
import { parseNote } from '../../protocol/v1/notes.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { strangeAnswer } from '../../remote/failure.ts'
import { describeService, type RemoteService } from '../../remote/service.ts'
import { dial, type RemoteStream, type StreamEnd } from '../../remote/websocket.ts'
import type { ServiceCapture } from './prepare.ts'
import { firstState, type StreamCommand, type StreamEvent, step } from './stream-state.ts'

/** Milliseconds a service has to end a capture that nobody wants any more. */
const endTimeoutMs = 6_000

/** Who takes what a service sends. */
export interface StreamListener {
  /**
   * Takes a piece of the capture. A failure ends the connection.
   * @returns false when nobody reads any more
   */
  take(bytes: Buffer): Promise<boolean>
  /** Takes no more, also in the middle of a piece. */
  breakOff(): void
  onPending?: (() => void) | undefined
  onArmed?: (() => void) | undefined
  onSilence?: ((line: string) => void) | undefined
}

/** A capture that comes in. */
export interface ServiceStream {
  /** Settles when the connection is over, and what came has been taken; never fails. */
  readonly ended: Promise<StreamResult>
  /** What came so far; undefined before the capture was armed. */
  progress(): Progress | undefined
  /** Asks the service to end. */
  ask(why: CaptureEnd): void
  /** Ends at once. */
  kill(): void
}

/** How a capture of a service has ended. */
export interface StreamResult extends Progress {
  readonly end: StreamEnd
  /** Why it was told to end; undefined: it was not. */
  readonly why: CaptureEnd | undefined
  /** What the service reports of it, where it does. */
  readonly told: CaptureReport | undefined
}

/**
 * Connects to a service for a capture that was asked for.
 * @throws RemoraError when the handshake fails; the reason of the signal when that aborts
 */
export async function openServiceStream(
  capture: ServiceCapture,
  listener: StreamListener,
  { signal, log = silentLog }: { readonly signal: AbortSignal; readonly log?: Log | undefined },
): Promise<ServiceStream> {
  signal.throwIfAborted()
  const runner = new StreamRunner(capture, listener, log)
  const { service, path, headers } = capture
  const taker = { take: (chunk: Buffer) => runner.take(chunk), note: (text: string) => runner.note(text) }
  const onOpen = (connection: RemoteStream) => runner.connected(connection)
  await dial(service, path, { ...(headers && { headers }), taker, signal, onOpen })
  return runner
}

class StreamRunner implements ServiceStream {
  readonly ended: Promise<StreamResult>
  readonly #capture: ServiceCapture
  readonly #listener: StreamListener
  readonly #log: Log
  readonly #result = Promise.withResolvers<StreamResult>()
  readonly #counter = packetCounter()
  readonly #timers: (() => void)[] = []
  #connection: RemoteStream | undefined
  #state = firstState
  #told: CaptureReport | undefined
  #bytes = 0
  #armedAt: number | undefined

  constructor(capture: ServiceCapture, listener: StreamListener, log: Log) {
    this.#capture = capture
    this.#listener = listener
    this.#log = log
    this.ended = this.#result.promise
  }

  connected(connection: RemoteStream): void {
    this.#connection = connection
    this.#log.info(`connected to ${describeService(this.#capture.service)}`)
    connection.ended.then(end => this.#close(end))
    this.#on({ event: 'connected' })
  }

  async take(chunk: Buffer): Promise<void> {
    checkBeginning(this.#capture.service, chunk, this.#bytes)
    // A service of Packetflix tells nothing: what it sends is armed.
    if (this.#armedAt === undefined && this.#capture.headers !== undefined) this.#on({ event: 'armed' })
    this.#bytes += chunk.length
    if (this.#told === undefined) this.#counter.push(chunk)
    if (!(await this.#listener.take(chunk))) this.ask('reader-gone')
  }

  note(text: string): void {
    const note = parseNote(text)
    if (note === undefined) this.#log.warning(`the service says: ${text.slice(0, 500)}`)
    else if (note.note === 'armed') this.#on({ event: 'armed' })
    else if (note.note === 'silence') this.#listener.onSilence?.(note.line)
    else if (note.note === 'report') {
      const { note: _, ...report } = note
      this.#told = report
    }
  }

  progress(): Progress | undefined {
    return this.#armedAt === undefined ? undefined : this.#counted()
  }

  ask(why: CaptureEnd): void {
    this.#on({ event: 'asked', why })
  }

  kill(): void {
    this.#on({ event: 'killed' })
  }

  #counted(): Progress {
    const seconds = this.#armedAt === undefined ? 0 : (performance.now() - this.#armedAt) / 1000
    return { packets: this.#counter.packets(), bytes: this.#bytes, seconds }
  }

  #close(end: StreamEnd): void {
    this.#on({ event: 'closed' })
    for (const cancel of this.#timers) cancel()
    this.#result.resolve({ ...this.#counted(), end, why: this.#state.why, told: this.#told })
  }

  #on(event: StreamEvent): void {
    const { phase } = this.#state
    const { state, commands } = step(this.#state, event)
    this.#state = state
    if (state.phase !== phase) this.#log.debug(`service stream: ${phase}, ${event.event} → ${state.phase}`)
    for (const command of commands) this.#carryOut(command)
  }

  #carryOut(command: StreamCommand): void {
    const { plan, headers, duration } = this.#capture
    switch (command) {
      case 'tell-pending':
        if (headers === undefined && plan.netns === undefined) this.#listener.onPending?.()
        return
      case 'tell-armed':
        this.#armedAt = performance.now()
        this.#listener.onArmed?.()
        return
      case 'count-down': {
        if (duration === undefined) return
        const timer = setTimeout(() => this.ask('stop-condition'), duration * 1000)
        this.#timers.push(() => clearTimeout(timer))
        return
      }
      case 'ask-service':
        this.#connection?.close()
        return
      case 'set-deadline':
        this.#timers.push(startSuspendProofTimer(endTimeoutMs, () => this.#on({ event: 'overdue' })))
        return
      case 'break-off':
        this.#listener.breakOff()
        this.#connection?.destroy()
    }
  }
}

/** What every capture begins with: the type of a section header block (draft-ietf-opsawg-pcapng §4.1). */
const sectionType = Buffer.from([0x0a, 0x0d, 0x0d, 0x0a])

/** Refuses what is no capture, before anybody has to make sense of it. */
function checkBeginning(service: RemoteService, chunk: Buffer, at: number): void {
  const expected = sectionType.subarray(at, at + chunk.length)
  if (chunk.subarray(0, expected.length).equals(expected)) return
  throw strangeAnswer(service, 'sends no capture')
}
