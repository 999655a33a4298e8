/**
 * The token that lets a client in. It lives in a file of its own, made with the first start, so that it is in no command
 * line and no environment; compared in constant time.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'

/** The token of a service. */
export interface TokenFile {
  readonly token: string
  /** It was made just now. */
  readonly made: boolean
}

/**
 * Reads a token, or makes one where there is no file yet.
 * @throws RemoraError USAGE when the file cannot be read or made, or holds no token
 */
export function readOrMakeToken(path: string): TokenFile {
  try {
    return { token: readToken(path), made: false }
  } catch (error) {
    const { cause } = error as RemoraError
    if (systemCode(cause) === 'ENOENT') return { token: makeTokenFile(path), made: true }
    throw error
  }
}

/**
 * Reads a token.
 * @throws RemoraError USAGE when the file cannot be read, or holds no token
 */
export function readToken(path: string): string {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new RemoraError('USAGE', `cannot read the token file ${path}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Name a file that the service may read, with --token-file.',
    })
  }
  return checked(path, content)
}

/** Whether others than its owner may read a token file. */
export function isExposed(path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    return (fstatSync(fd).mode & 0o044) !== 0
  } finally {
    closeSync(fd)
  }
}

/** Compares without telling by the time it takes how much was right. */
export function isSameToken(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(token))
}

/** Characters of a bearer token (RFC 6750 §2.1). */
const bearer = /^[A-Za-z0-9\-._~+/]+=*$/
const leastLength = 16

function checked(path: string, content: string): string {
  const token = content.trim()
  if (token.length >= leastLength && bearer.test(token)) return token
  throw new RemoraError('USAGE', `${path} holds no token of at least ${leastLength} characters`, {
    hint: 'Remove the file, and a good token is made with the next start.',
  })
}

function makeTokenFile(path: string): string {
  const token = randomBytes(32).toString('base64url')
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
    writeSync(fd, `${token}\n`)
    closeSync(fd)
  } catch (error) {
    throw new RemoraError('USAGE', `cannot make the token file ${path}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Name a file that the service may make, with --token-file.',
    })
  }
  return token
}
