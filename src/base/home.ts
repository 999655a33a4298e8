/** The home folder of this user. A service's user may have none, and stand in no user database (getpwuid(3)). */
import { homedir } from 'node:os'

/** Path of the home folder: HOME where it is set, else that of the user database, else `/`. */
export function homeFolder({ HOME }: NodeJS.ProcessEnv): string {
  if (HOME) return HOME
  try {
    return homedir()
  } catch {
    return '/'
  }
}
