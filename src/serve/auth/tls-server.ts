/** The service over TLS: which certificates it shows and asks for, and that both may change while it runs. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { ServerOptions } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Logger } from 'pino'
import type { AccessRules } from './access.ts'

/**
 * TLS 1.3, and what has forward secrecy and authenticated encryption of TLS 1.2 (RFC 9325 §4.2): what was recorded cannot be
 * read by whoever gets the key of the certificate later.
 */
const ciphers = [
  ...['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ...['ECDSA', 'RSA'].flatMap(key =>
    ['AES256-GCM-SHA384', 'CHACHA20-POLY1305', 'AES128-GCM-SHA256'].map(cipher => `ECDHE-${key}-${cipher}`),
  ),
].join(':')

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** Authority of the certificates clients may show. */
  readonly clientCa?: string | undefined
}

/**
 * A server that reads its certificates again when their files change, for connections that come after; until
 * {@link forgetFiles}.
 * @throws Error of the system call when a file cannot be read, or of OpenSSL when it cannot be used
 */
export function tlsServer(files: TlsFiles, limits: ServerOptions, rules: AccessRules, log: Logger): Server {
  const read = () => ({
    cert: readFileSync(files.cert),
    key: readFileSync(files.key),
    ...(files.clientCa !== undefined && { ca: readFileSync(files.clientCa) }),
  })
  const asked = files.clientCa !== undefined
  const server = createServer({
    ...limits,
    ...read(),
    minVersion: 'TLSv1.2',
    ciphers,
    honorCipherOrder: true,
    handshakeTimeout: 10_000,
    requestCert: asked,
    rejectUnauthorized: asked && rules.token() === undefined,
  })
  for (const file of filesOf(files)) {
    watchFile(file, { interval: 2_000, persistent: false }, () => {
      try {
        server.setSecureContext(read())
        log.info('certificate read again')
      } catch (error) {
        log.error({ err: error }, 'the new certificate cannot be used; the old one stays')
      }
    })
  }
  return server
}

/** Watches the files no longer. */
export function forgetFiles(files: TlsFiles): void {
  for (const file of filesOf(files)) unwatchFile(file)
}

function filesOf({ cert, key, clientCa }: TlsFiles): string[] {
  return [cert, key, ...(clientCa === undefined ? [] : [clientCa])]
}
