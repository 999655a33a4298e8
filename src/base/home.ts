/** The home folder of this user. A service's user may have none and stand in no user database (getpwuid(3)): then it is `/`. */
import { homedir } from 'node:os'

export function homeFolder({ HOME }: NodeJS.ProcessEnv): string {
  if (HOME) return HOME
  try {
    return homedir()
  } catch {
    return '/'
  }
}
