/** What the machine gives a user beside his own number (passwd(5), subuid(5)). */
import type { IdRange } from './credentials.ts'
import { readText } from './proc.ts'

/** User ids that a user may map into user namespaces of his own. */
export function readSubordinateIds(uid: number, etc = '/etc'): IdRange[] {
  const accounts = (readText(`${etc}/passwd`) ?? '').split('\n').map(line => line.split(':'))
  const names = new Set(accounts.flatMap(([name, , id]) => (name !== undefined && id === String(uid) ? name : [])))
  return (readText(`${etc}/subuid`) ?? '').split('\n').flatMap(line => {
    const [, owner = '', first, count] = /^([^:]+):(\d+):(\d+)$/.exec(line.trim()) ?? []
    const isOwn = names.has(owner) || owner === String(uid)
    return isOwn ? [{ first: Number(first), count: Number(count) }] : []
  })
}
