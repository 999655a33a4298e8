/** Who asks, as a URL says it: each part is sent, or the URL is refused. */
import { RemoraError } from './errors.ts'
import { unescaped } from './redact.ts'

/** A name and a password (RFC 7617). */
export interface Login {
  readonly user: string
  readonly password: string
}

/** What a URL says of who asks: a bearer token, or a name and a password. */
export type Credentials =
  | { readonly token: string | undefined; readonly login?: undefined }
  | { readonly token?: undefined; readonly login: Login }

/**
 * The credentials of a URL: `//:TOKEN@`, `//TOKEN@` or `token=` are a token, `//USER:PASSWORD@` a name and a password.
 * @throws RemoraError USAGE when it has several, of which only one could be sent
 */
export function credentialsOf({ username, password, searchParams }: URL): Credentials {
  const tokens = searchParams.getAll('token').filter(token => token !== '')
  const user = unescaped(username)
  const secret = unescaped(password)
  const isLogin = user !== '' && secret !== ''
  if (!isLogin && (user || secret) !== '') tokens.push(user || secret)
  if (new Set(tokens).size + (isLogin ? 1 : 0) > 1) {
    throw new RemoraError('USAGE', 'the URL has several credentials, and one request carries only one', {
      hint: 'Leave one of them: http://:TOKEN@HOST:PORT, or http://USER:PASSWORD@HOST:PORT for a proxy in front.',
    })
  }
  // RFC 7617 §2: the first colon ends the name.
  if (isLogin && user.includes(':')) throw new RemoraError('USAGE', 'a user name cannot have a colon in it')
  return isLogin ? { login: { user, password: secret } } : { token: tokens[0] }
}
