/** Who is let in, by which door: addresses, tokens, names, pages, certificates, and the permissions of a socket. */
import { copyFileSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { request as requestSecure } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, run, until } from '../helpers/command.ts'
import { environment, executable, remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { type ServiceUnderTest, sendRaw, serve } from '../helpers/service.ts'
import { stockCapture, stockGet } from '../helpers/stock-client.ts'

let folder: string
beforeAll(() => {
  folder = scratch()
})

/** Status of a request with just these headers. */
async function statusOf(service: ServiceUnderTest, path: string, headers: Record<string, string>): Promise<number> {
  return (await stockGet(service.url, path, headers)).status
}

/** Status of a handshake. */
async function handshake(service: ServiceUnderTest, query: Record<string, string>, headers: Record<string, string>) {
  const capture = stockCapture({ base: service.url, netns: 1, query, headers, insecure: true })
  const { status } = await capture.status
  await capture.closed
  return status
}

describe('an address that others reach', () => {
  test.each(['0.0.0.0:0', '[::]:0', '10.1.2.3:5001', 'example.org:5001'])(
    'is refused without a token: %s',
    async listen => {
      const { status, stderr } = await remora(['serve', '--listen', listen])
      expect(status).toBe(2)
      expect(stderr).toMatch(/^remora: USAGE: .*\nhint: .*--token-file/)
    },
  )

  test.each([
    [['--listen', 'nonsense']],
    [['--listen', '127.0.0.1:99999']],
    [['--listen', 'unix:relative']],
    [['--tls-cert', '/nowhere']],
    [['--max-captures', '0']],
    [['--socket-group', 'no-such-group']],
    [['--token-file', '/nowhere/token']],
    [['--unknown']],
  ])('an argument that is none is refused: %j', async args => {
    const { status, stderr } = await remora(['serve', '--listen', '127.0.0.1:0', ...args])
    expect(status).toBe(2)
    expect(stderr).toMatch(/^remora: USAGE: /)
  })
})

describe('with a token', () => {
  let service: ServiceUnderTest
  let token: string
  let file: string
  beforeAll(async () => {
    file = join(folder, 'token')
    service = await serve(['--token-file', file], { listen: '0.0.0.0:0' })
    token = readFileSync(file, 'utf8').trim()
  })
  afterAll(() => service?.close())

  test('one is made that only its owner may read, and told of once', async () => {
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(service.running.stderr().match(/^hint: .*$/gm)).toEqual([expect.stringContaining(file)])
    const second = await serve(['--token-file', file])
    expect(second.running.stderr()).not.toContain('hint')
    await second.close()
    expect(readFileSync(file, 'utf8').trim()).toBe(token)
  })

  test.each(['short', 'with blanks in between them', 'ümläute-are-not-allowed'])(
    'a file with %j is refused',
    async content => {
      const bad = join(folder, 'bad-token')
      writeFileSync(bad, content)
      expect(await remora(['serve', '--listen', '127.0.0.1:0', '--token-file', bad])).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('holds no token'),
      })
    },
  )

  test.each<[string, () => Record<string, string>, number]>([
    ['nothing', () => ({}), 401],
    ['a wrong one', () => ({ authorization: `Bearer ${token.replace(/.$/, '!')}` }), 401],
    ['a part of it', () => ({ authorization: `Bearer ${token.slice(0, -1)}` }), 401],
    ['another scheme', () => ({ authorization: `Basic ${token}` }), 401],
    ['the right one', () => ({ authorization: `Bearer ${token}` }), 200],
    ['the right one, and a name nobody knows', () => ({ authorization: `bearer ${token}`, host: 'evil.example' }), 200],
  ])('%s', async (_, headers, status) => {
    expect(await statusOf(service, '/v1/captures', headers())).toBe(status)
    const open = await handshake(service, {}, headers())
    expect(open).toBe(status === 200 ? 101 : 401)
  })

  test('the query carries it only where clients cannot do better', async () => {
    expect(await handshake(service, { token }, {})).toBe(101)
    expect(await handshake(service, { token: `${token}x` }, {})).toBe(401)
    for (const path of ['/v1/captures', '/mobyshark', '/json', '/metrics', '/v1/targets']) {
      expect(await statusOf(service, `${path}?token=${token}`, {}), path).toBe(401)
    }
  })

  test.each([
    '/v1/capture/../captures',
    '/v1/capture/..%2fcaptures',
    '//v1/captures',
    '/v1//captures',
    '/%76ersion/../v1/captures',
    '/version/../v1/captures',
    '/version%2f..%2fv1/captures',
    '/V1/captures',
    '/v1/captures/',
    'http://localhost/v1/captures',
    '/v1/captures?/healthz',
    '/healthz#/v1/captures',
  ])('no way leads around it: %s', async path => {
    const { text: answer } = await sendRaw(
      service.port,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    )
    expect(answer).not.toContain('"captures"')
  })

  test('what everybody may know is open', async () => {
    for (const path of ['/healthz', '/version', '/openapi.json', '/', '/page.css']) {
      expect(await statusOf(service, path, {}), path).toBe(200)
    }
  })

  test('is read again when it changes, and stays when its file goes', async () => {
    const other = 'another-token-of-good-length'
    writeFileSync(file, other)
    const open = async (given: string) =>
      (await statusOf(service, '/v1/captures', { authorization: `Bearer ${given}` })) === 200
    await until('the new token is good', () => open(other))
    expect(await open(token)).toBe(false)
    await must('rm', file)
    await until('the loss is told', () => service.log().some(({ level }) => level === 50))
    expect(await open(other)).toBe(true)
    expect(existsSync(file)).toBe(false)
    expect(service.running.stderr()).not.toContain(other)
    expect(service.running.stderr()).not.toContain(token)
  })
})

describe('without a token, on this machine', () => {
  let service: ServiceUnderTest
  beforeAll(async () => {
    service = await serve(['--allow-host', 'Remora.Example', '--allow-origin', 'https://console.example'])
  })
  afterAll(() => service?.close())

  test.each<[string, number]>([
    ['localhost', 200],
    ['LOCALHOST:5001', 200],
    ['127.0.0.1', 200],
    ['127.9.9.9:80', 200],
    ['[::1]:5001', 200],
    ['192.0.2.7', 200],
    ['remora.example:5001', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
  ])('called as %j it answers %i', async (host, status) => {
    expect(await statusOf(service, '/v1/captures', { host })).toBe(status)
    expect(await handshake(service, {}, { host })).toBe(status === 200 ? 101 : status)
  })

  test.each<[string, number]>([
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost.evil.example', 403],
    ['', 403],
    ['https://console.example', 200],
    ['SAME', 200],
  ])('a page of %j gets %i', async (origin, status) => {
    const headers = { origin: origin === 'SAME' ? service.url : origin, host: new URL(service.url).host }
    expect(await statusOf(service, '/v1/captures', headers)).toBe(status)
    expect(await handshake(service, {}, headers)).toBe(status === 200 ? 101 : status)
  })

  test('a browser is told that a page of an allowed site may read the answer, and no other', async () => {
    const ask = (origin: string) => service.get('/v1/captures', { method: 'OPTIONS', headers: { origin } })
    const allowed = await ask('https://console.example')
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://console.example')
    expect(allowed.headers.get('access-control-allow-headers')).toMatch(/authorization.*content-type/)
    const foreign = await ask('https://evil.example')
    expect(foreign.status).toBe(403)
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
    const plain = await service.get('/v1/captures')
    expect(plain.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('with a certificate', () => {
  const paths = () => ({ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') })

  /** A certificate of an authority of its own, or one that signs itself. */
  async function makeCertificate(name: string, ca?: string): Promise<{ cert: string; key: string }> {
    const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
    const by = ca === undefined ? [] : ['-CA', join(folder, `${ca}.pem`), '-CAkey', join(folder, `${ca}.key`)]
    await must(
      ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-keyout', key, '-out', cert, ...by],
    )
    return { cert, key }
  }

  async function ask(service: ServiceUnderTest, client?: { cert: string; key: string }, token?: string) {
    const pair = client && { cert: readFileSync(client.cert), key: readFileSync(client.key) }
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const url = `${service.url}/v1/captures`
    return new Promise<number | undefined>((resolve, reject) => {
      requestSecure(url, { rejectUnauthorized: false, agent: false, headers, ...pair }, answer => {
        answer.resume()
        resolve(answer.statusCode)
      })
        .once('error', reject)
        .end()
    })
  }

  async function nameShown(port: number, version?: 'TLSv1.1'): Promise<string> {
    const old = version && { maxVersion: version, minVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...old })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return String(subject.CN)
  }

  test('it is shown, read again when it changes, and kept when the new one is no good', async () => {
    const { cert, key } = paths()
    const first = await makeCertificate('first')
    const second = await makeCertificate('second')
    copyFileSync(first.cert, cert)
    copyFileSync(first.key, key)
    const service = await serve(['--tls-cert', cert, '--tls-key', key])
    try {
      expect(await nameShown(service.port)).toBe('first')
      expect(await ask(service)).toBe(200)
      await expect(nameShown(service.port, 'TLSv1.1')).rejects.toThrow(/version|protocol/)
      const plain = await sendRaw(service.port, 'GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n')
      expect(plain.text).not.toContain('packetflix')
      writeFileSync(cert, 'no certificate at all')
      await until('the fault is told', () => service.log().some(({ level }) => level === 50))
      expect(await nameShown(service.port)).toBe('first')
      copyFileSync(second.cert, cert)
      copyFileSync(second.key, key)
      for (const file of [cert, key]) utimesSync(file, new Date(), new Date(Date.now() + 5_000))
      await until('the new one is shown', async () => (await nameShown(service.port)) === 'second')
      const capture = stockCapture({ base: service.url, netns: 1, insecure: true })
      expect(await capture.closed).toMatchObject({ code: 1008 })
    } finally {
      await service.close()
    }
  })

  test('those of clients count where an authority is named, beside a token or alone', async () => {
    const server = await makeCertificate('server')
    const ca = await makeCertificate('authority')
    const client = await makeCertificate('client', 'authority')
    const stranger = await makeCertificate('stranger')
    const tls = ['--tls-cert', server.cert, '--tls-key', server.key, '--tls-client-ca', ca.cert]
    const alone = await serve(tls, { listen: '0.0.0.0:0' })
    const token = join(folder, 'tls-token')
    const beside = await serve([...tls, '--token-file', token], { listen: '0.0.0.0:0' })
    try {
      expect(await ask(alone, client)).toBe(200)
      await expect(ask(alone)).rejects.toThrow()
      await expect(ask(alone, stranger)).rejects.toThrow()
      expect(await ask(beside, client)).toBe(200)
      expect(await ask(beside)).toBe(401)
      expect(await ask(beside, stranger)).toBe(401)
      expect(await ask(beside, stranger, readFileSync(token, 'utf8').trim())).toBe(200)
    } finally {
      await alone.close()
      await beside.close()
    }
  })
})

describe('a unix socket', () => {
  /** Asks over the socket. */
  function ask(socketPath: string, headers: Record<string, string> = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      request({ socketPath, path: '/v1/captures', headers, agent: false }, async (answer: IncomingMessage) => {
        await text(answer)
        resolve(answer.statusCode ?? 0)
      })
        .once('error', reject)
        .end()
    })
  }

  /** Whether a plain user, of these groups, gets an answer. */
  async function mayUse(socket: string, groups: readonly string[]): Promise<boolean> {
    const as = ['setpriv', '--reuid', '65534', '--regid', '65534', ...groups]
    const { stdout } = await run([...as, 'curl', '-s', '--unix-socket', socket, 'http://localhost/healthz'])
    return stdout.includes('ok')
  }

  test('belongs to its group, and to nobody else', async () => {
    await must('chmod', '755', folder)
    const socket = join(folder, 'run', 'remora.sock')
    const service = await serve(['--listen', `unix:${socket}`, '--socket-group', 'daemon'])
    try {
      const { mode, uid, gid } = statSync(socket)
      const daemon = Number((await must('getent', 'group', 'daemon')).split(':')[2])
      expect([mode & 0o777, uid, gid]).toEqual([0o660, 0, daemon])
      expect(await ask(socket)).toBe(200)
      expect(await ask(socket, { host: 'evil.example' })).toBe(200)
      expect(await ask(socket, { origin: 'https://evil.example' })).toBe(403)
      expect(await mayUse(socket, ['--clear-groups'])).toBe(false)
      expect(await mayUse(socket, ['--groups', String(daemon)])).toBe(true)

      const second = await run([executable, 'serve', '--listen', `unix:${socket}`], { env: environment() })
      expect(second).toMatchObject({ status: 2, stderr: expect.stringContaining('cannot listen on unix:') })
      expect(await ask(socket)).toBe(200)
    } finally {
      await service.close()
    }
    expect(existsSync(socket)).toBe(false)
  })

  test('that was left behind is replaced, and no other file is', async () => {
    const socket = join(folder, 'stale.sock')
    const first = await serve(['--listen', `unix:${socket}`])
    first.running.child.kill('SIGKILL')
    await first.running.result
    expect(existsSync(socket)).toBe(true)
    const second = await serve(['--listen', `unix:${socket}`])
    expect(await ask(socket)).toBe(200)
    await second.close()

    const file = join(folder, 'precious')
    writeFileSync(file, 'precious')
    expect(await remora(['serve', '--listen', `unix:${file}`])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no socket'),
    })
    expect(readFileSync(file, 'utf8')).toBe('precious')
  })
})
