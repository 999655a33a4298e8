/**
 * The Wireshark profile for captures of containers: names for addresses, a column for the tap of each packet, and conversations told
 * apart by their interface, so that a packet which two taps have seen is not taken for a retransmission. Wireshark shows it under
 * Edit, Configuration Profiles, and takes it with `-C`; what the user changes in it, Wireshark writes into the same file.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Action } from './action.ts'
import { systemProfiles, userFolders } from './folders.ts'

/** Its name. */
export const profileName = 'remora'

/** Its preferences. Wireshark 4.0 passes over the key for conversations, which 4.4 brought. */
const preferences = `# Wireshark profile for captures with remora.
nameres.network_name: TRUE
nameres.dns_pkt_addr_resolution: TRUE
nameres.use_external_name_resolver: FALSE
gui.column.format:
	"No.", "%m",
	"Time", "%t",
	"Tap", "%Cus:frame.interface_name:0:R",
	"Direction", "%Cus:frame.packet_flags_direction:0:R",
	"Source", "%s",
	"Destination", "%d",
	"Protocol", "%p",
	"Length", "%L",
	"Info", "%i"
protocols.conversation_deinterlacing_key: .MI
`

/**
 * Plans to write the profile; one that the user has changed stays.
 * @param folders folders of profiles
 */
export function planProfile(folders: readonly string[]): Action[] {
  return folders.filter(folder => !existsSync(preferencesPath(folder))).map(profileAction)
}

/** Writes the profile. @param folder folder of profiles */
export function profileAction(folder: string): Action {
  return { do: 'write', to: preferencesPath(folder), content: preferences }
}

/** Plans to take the profile away, unless the user has changed it. */
export function planProfileRemoval(folders: readonly string[]): Action[] {
  return folders
    .filter(folder => isUnchanged(preferencesPath(folder)))
    .map(folder => ({ do: 'remove', path: join(folder, profileName) }) as const)
}

/** The name of the profile where it is installed; Wireshark does not start with `-C` and a name it does not know. */
export function installedProfile(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = [...userFolders(env).profiles, systemProfiles]
  return folders.some(folder => existsSync(preferencesPath(folder))) ? profileName : undefined
}

function preferencesPath(folder: string): string {
  return join(folder, profileName, 'preferences')
}

function isUnchanged(path: string): boolean {
  try {
    return readFileSync(path, 'utf8') === preferences
  } catch {
    return false
  }
}
