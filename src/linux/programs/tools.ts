/**
 * The programs remora runs. A desktop session's PATH often lacks the sbin folders, so those are looked through too; the
 * path that was found is the one that is run.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { RemoraError } from '../../base/errors.ts'

/** Debian package that brings a tool; other distributions name them alike. */
const packages = {
  dumpcap: 'wireshark-common',
  tcpdump: 'tcpdump',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  ip: 'iproute2',
  ss: 'iproute2',
  mkfifo: 'coreutils',
  xargs: 'findutils',
  cat: 'coreutils',
  head: 'coreutils',
  ethtool: 'ethtool',
  lsns: 'util-linux',
  nft: 'nftables',
  'iptables-save': 'iptables',
  'ip6tables-save': 'iptables',
  'iptables-nft-save': 'iptables',
  'ip6tables-nft-save': 'iptables',
  'iptables-legacy-save': 'iptables',
  'ip6tables-legacy-save': 'iptables',
  tshark: 'tshark',
  wireshark: 'wireshark',
  systemctl: 'systemd',
  'update-desktop-database': 'desktop-file-utils',
  'xdg-mime': 'xdg-utils',
} as const

/** A program remora may run. */
export type Tool = keyof typeof packages

const standardFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Absolute path of a tool, or undefined when no folder has it as an executable file. */
export function lookUpTool(tool: Tool, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = [...(env.PATH ?? '').split(delimiter).filter(isAbsolute), ...standardFolders]
  return folders.map(folder => join(folder, tool)).find(isExecutableFile)
}

/**
 * Absolute path of a tool.
 * @throws RemoraError TOOL_MISSING with the package that brings it
 */
export function findTool(tool: Tool, env: NodeJS.ProcessEnv = process.env): string {
  const found = lookUpTool(tool, env)
  if (found !== undefined) return found
  throw new RemoraError('TOOL_MISSING', `${tool} is not installed, or may not be run by this user`, {
    hint: `Install it (${installCommand(tool)}); remora doctor shows all that is missing.`,
  })
}

/** Command that installs a tool on Debian and its relatives, the package's name elsewhere. */
export function installCommand(tool: Tool): string {
  return isExecutableFile('/usr/bin/apt-get') ? `sudo apt-get install ${packages[tool]}` : `package ${packages[tool]}`
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
