/**
 * The registry of errors: one code, one exit status, one HTTP status, one WebSocket close code.
 *
 * A failure says what was tried (message), and what to do next (hint). Anything that is not a {@link RemoraError} is a
 * fault of remora itself and is reported as `BUG`. WebSocket codes are only those RFC 6455 §7.4.1 lets an endpoint send.
 */
import { redact } from './redact.ts'

interface ErrorKind {
  /** Exit status of the process. */
  readonly exit: number
  /** HTTP status of an answer. */
  readonly http: number
  /** WebSocket close code. */
  readonly close: 1008 | 1011 | 1013
  /** What the code stands for, one sentence; docs/errors.md is made from it. */
  readonly meaning: string
}

/** Every code there is, with what belongs to it. */
export const errorKinds = {
  USAGE: {
    exit: 2,
    http: 400,
    close: 1008,
    meaning: 'The call itself is wrong: an unknown option, a missing or malformed value.',
  },
  TARGET_NOT_FOUND: { exit: 3, http: 404, close: 1008, meaning: 'Nothing on the host matches the target reference.' },
  TARGET_AMBIGUOUS: { exit: 3, http: 409, close: 1008, meaning: 'Several targets match where exactly one is needed.' },
  TARGET_STALE: {
    exit: 3,
    http: 410,
    close: 1008,
    meaning:
      'The target was found, but it is no longer the one that was meant: its process or its network namespace has been replaced.',
  },
  FORBIDDEN: { exit: 4, http: 403, close: 1008, meaning: 'The rights of the caller do not suffice.' },
  UNAUTHORIZED: { exit: 4, http: 401, close: 1008, meaning: 'The caller has not said who it is, or not convincingly.' },
  TOOL_MISSING: {
    exit: 5,
    http: 503,
    close: 1011,
    meaning: 'A program that remora needs is not installed, or not where remora looks.',
  },
  FILTER_INVALID: { exit: 6, http: 400, close: 1008, meaning: 'The capture filter does not compile (pcap-filter(7)).' },
  INTERFACE_NOT_FOUND: {
    exit: 6,
    http: 400,
    close: 1008,
    meaning: 'The target has no network interface of that name that could be captured.',
  },
  CAPTURE_FAILED: { exit: 7, http: 500, close: 1011, meaning: 'The capture could not start, or broke while it ran.' },
  PEER_FAILED: {
    exit: 8,
    http: 502,
    close: 1011,
    meaning: 'A remote capture service or a container engine refused, timed out, or spoke another protocol.',
  },
  LIMIT: { exit: 9, http: 429, close: 1013, meaning: 'Too many captures or tickets at once.' },
  WAIT_TIMEOUT: {
    exit: 10,
    http: 408,
    close: 1008,
    meaning: 'The target did not appear within the time given with --wait.',
  },
  BUG: {
    exit: 70,
    http: 500,
    close: 1011,
    meaning: 'A fault of remora itself; please report it with the text that was printed.',
  },
} as const satisfies Record<string, ErrorKind>

/** Code of a failure. */
export type ErrorCode = keyof typeof errorKinds

interface ErrorDetails {
  /** The next step, a full sentence or a command. */
  readonly hint?: string | undefined
  /** What was thrown below. */
  readonly cause?: unknown
}

/**
 * A failure remora knows: its code decides the exit status, its message and hint are for people. Neither holds a secret,
 * whatever they were made from.
 */
export class RemoraError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(redact(message), details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'RemoraError'
    this.code = code
    this.hint = details.hint === undefined ? undefined : redact(details.hint)
  }

  /** Exit status that belongs to the code. */
  get exit(): number {
    return errorKinds[this.code].exit
  }
}

/** What the system says when descriptors or memory have run out (open(2)). */
const exhaustionCodes: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])

/** Whether something failed for want of descriptors or memory, itself or by its cause. */
export function isExhaustion(thrown: unknown): boolean {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++) {
    if (exhaustionCodes.has(systemCode(error))) return true
  }
  return false
}

/** The failure of what there were no descriptors or no memory for. */
export function exhausted(cause: unknown = Object.assign(new Error('too many open files'), { code: 'EMFILE' })) {
  return new RemoraError('CAPTURE_FAILED', `descriptors or memory have run out: ${reasonOf(cause)}`, {
    cause,
    hint: 'End something, or raise the limits (ulimit -a; LimitNOFILE= of a service).',
  })
}

/** Turns whatever was thrown into a {@link RemoraError}; what remora does not know becomes `BUG`. */
export function toRemoraError(thrown: unknown): RemoraError {
  if (thrown instanceof RemoraError) return thrown
  if (isExhaustion(thrown)) return exhausted(thrown)
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new RemoraError('BUG', message, {
    cause: thrown,
    hint: 'Please report this with what you did; REMORA_LOG_FILE=FILE REMORA_LOG_LEVEL=debug in the environment writes down more.',
  })
}

/** Failures of Linux that libuv has no name for (errno(3)): node calls them unknown. */
const unnamed: Readonly<Record<number, readonly [code: string, text: string]>> = {
  116: ['ESTALE', 'stale file handle'],
  117: ['EUCLEAN', 'structure needs cleaning'],
  122: ['EDQUOT', 'disk quota exceeded'],
}

function unnamedFailure(thrown: unknown): readonly [code: string, text: string] | undefined {
  return thrown instanceof Error && 'errno' in thrown ? unnamed[-Number(thrown.errno)] : undefined
}

/** Code of a failed system call (`ENOENT`, `EACCES` …), or undefined for any other failure. */
export function systemCode(thrown: unknown): string | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return unnamedFailure(thrown)?.[0] ?? (typeof code === 'string' ? code : undefined)
}

/** First line of a failure, for a list of reasons; where it says nothing, the code of the system call. */
export function reasonOf(thrown: unknown): string {
  const text = unnamedFailure(thrown)?.join(': ') ?? (thrown instanceof Error ? thrown.message : String(thrown))
  return text.split('\n', 1)[0] || systemCode(thrown) || 'no reason'
}
