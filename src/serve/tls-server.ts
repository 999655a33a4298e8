/** The service over TLS: which certificates it shows and asks for, and that both may change while it runs. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { ServerOptions } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Logger } from 'pino'
import type { AccessRules } from './access.ts'

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
