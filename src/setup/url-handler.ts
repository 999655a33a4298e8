/** The desktop entry that opens `packetflix:` links in Wireshark (XDG desktop entry and MIME applications specifications). */
import { join } from 'node:path'
import { lookUpTool } from '../linux/programs/tools.ts'
import { runTool } from './run-tool.ts'

const entryName = 'remora-packetflix.desktop'
const mimeType = 'x-scheme-handler/packetflix'

/** Path of the entry in a folder of desktop entries. */
export function entryPath(applications: string): string {
  return join(applications, entryName)
}

/**
 * Content of the entry. Wireshark gets the link as one argument; no shell takes it apart. Whoever made the link chose the
 * host, so a token file that Wireshark has kept is not for it.
 */
export const entryContent = `[Desktop Entry]
Type=Application
Name=Wireshark (packetflix: links)
Comment=Live capture of a remote container
Exec=wireshark -k -i packetflix -o extcap.packetflix.tokenfile: -o extcap.packetflix.url:%u
Icon=org.wireshark.Wireshark
NoDisplay=true
MimeType=${mimeType};
`

/**
 * Tells the desktop about the entry, where its tools are installed.
 * @returns what was done, in words
 */
export async function registerHandler(applications: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const done: string[] = []
  const database = lookUpTool('update-desktop-database', env)
  if (database !== undefined) {
    await runTool([database, applications], 20_000, env)
    done.push(`update-desktop-database ${applications}`)
  }
  const mime = lookUpTool('xdg-mime', env)
  if (mime !== undefined) {
    await runTool([mime, 'default', entryName, mimeType], 20_000, env)
    done.push(`xdg-mime default ${entryName} ${mimeType}`)
  }
  return done
}
