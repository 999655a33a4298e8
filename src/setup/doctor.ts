/**
 * Everything a capture needs, looked at one by one, each with the one command that mends it. A check that does not apply
 * (no engine installed, no Wireshark on a server) is no problem and says so.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrorCode, RemoraError, reasonOf } from '../base/errors.ts'
import { selfCommand } from '../base/self.ts'
import { version } from '../base/version.ts'
import { askEngines, findEngines } from '../engine/engines.ts'
import { kindOf } from '../engine/members.ts'
import { checkFilter } from '../linux/capturing/dumpcap.ts'
import { findOrphans } from '../linux/capturing/orphans.ts'
import { findOrphanedFolders } from '../linux/files/temporary.ts'
import { openProcessNamespace } from '../linux/namespace/netns.ts'
import { hasCapability } from '../linux/process/proc.ts'
import { toolEnvironment } from '../linux/programs/run.ts'
import { installCommand, lookUpTool, type Tool } from '../linux/programs/tools.ts'
import { findFolders, reportedFolders } from './folders.ts'
import { isListedByTshark } from './install.ts'
import { runTool } from './run-tool.ts'

/** What one look found. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  /** What was found. */
  readonly detail: string
  /** The one command that mends it. */
  readonly fix?: string
  /** Code of the error a capture would end with. */
  readonly code?: ErrorCode
}

/** Checks what a capture by this program itself needs. */
export async function checkCapture(env: NodeJS.ProcessEnv = process.env): Promise<Check[]> {
  return (await Promise.all([toolChecks(env), rightsChecks(), engineChecks(env)])).flat()
}

/** Checks whether Wireshark finds this remora, and whether killed ones have left anything behind. */
export async function checkInstallation(env: NodeJS.ProcessEnv = process.env): Promise<Check[]> {
  return [...(await Promise.all([folderChecks(env), listingCheck(env)])).flat(), orphanCheck()]
}

/** A check that found nothing wrong. */
export function good(name: string, detail: string): Check {
  return { name, ok: true, detail }
}

/** A check that found something wrong, and the command that mends it. */
export function bad(name: string, detail: string, code: ErrorCode, fix: string): Check {
  return { name, ok: false, detail, code, fix }
}

/** Tools a local capture cannot do without. */
const needed: readonly Tool[] = ['dumpcap', 'nsenter', 'ip']

async function toolChecks(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const checks = needed.map(async tool => {
    const path = lookUpTool(tool, env)
    if (path === undefined) return bad(tool, 'not found, or not executable for this user', 'TOOL_MISSING', fixFor(tool))
    const { failed, said } = await runTool([path, tool === 'ip' ? '-V' : '--version'], 10_000)
    const [line = ''] = said.split('\n')
    if (!failed) return good(tool, `${path}: ${line.trim()}`)
    return bad(tool, `${path} does not run: ${line.trim()}`, 'TOOL_MISSING', fixFor(tool))
  })
  const setpriv = lookUpTool('setpriv', env)
  const guard = setpriv === undefined ? 'not found: a second process watches over captures instead' : setpriv
  const immediate = lookUpTool('tcpdump', env) ?? `not found: only --immediate needs it (${installCommand('tcpdump')})`
  return [...(await Promise.all(checks)), good('setpriv', guard), good('tcpdump', immediate)]
}

/** dumpcap is often installed for one group only; then the group is what is missing. */
function fixFor(tool: Tool): string {
  const usual = '/usr/bin/dumpcap'
  if (tool === 'dumpcap' && existsSync(usual))
    return `sudo usermod -aG wireshark ${process.env.USER ?? '$USER'}  (then log in again)`
  return installCommand(tool)
}

async function rightsChecks(): Promise<Check[]> {
  if (hasCapability('sysAdmin') && hasCapability('netRaw'))
    return [good('rights', 'all targets of this host can be captured')]
  const own = await ownCapture()
  const others = good('rights on others', 'targets of other users need root: sudo remora capture TARGET …')
  return [own, others]
}

/** May this user capture in his own network namespace? Only dumpcap itself knows: it may carry capabilities. */
async function ownCapture(): Promise<Check> {
  const name = 'rights on this host'
  let here: ReturnType<typeof openProcessNamespace> | undefined
  try {
    here = openProcessNamespace(process.pid)
    await checkFilter(here, '', [{ name: 'any' }])
    return good(name, 'dumpcap may capture as this user')
  } catch (error) {
    const { code, hint } = error instanceof RemoraError ? error : { code: 'CAPTURE_FAILED' as const, hint: undefined }
    const [, command] = /(sudo setcap .*)$/.exec(hint ?? '') ?? []
    return bad(name, reasonOf(error), code, command ?? installCommand('dumpcap'))
  } finally {
    here?.close()
  }
}

async function engineChecks(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const engines = findEngines(env)
  if (engines.length === 0)
    return [good('engines', 'no engine socket found; processes and network namespaces can be captured')]
  const answers = await askEngines(engines, 2_000)
  return answers.map(({ engine, containers, failure }) => {
    const name = `${engine.name} at ${engine.address}`
    const fixes = kindOf(engine.name)?.fixes
    if (failure === undefined) return good(name, `${containers.length} running`)
    if (failure instanceof RemoraError && failure.code === 'FORBIDDEN') {
      return bad(
        name,
        failure.message,
        'FORBIDDEN',
        fixes?.forbidden?.(process.env.USER ?? '$USER') ?? 'sudo remora doctor  (rootful containers are for root)',
      )
    }
    return bad(name, failure.message, 'PEER_FAILED', fixes?.silent ?? 'remora doctor')
  })
}

/** Every folder either version of Wireshark looks into: is it this remora that it finds there? */
async function folderChecks(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const [user, system, reported] = await Promise.all([
    findFolders('user', env),
    findFolders('system', env),
    reportedFolders(env),
  ])
  const folders = [...new Set([...reported.personal, ...user.extcap, ...reported.global, ...system.extcap])]
  const installed = folders.map(folder => join(folder, 'remora')).filter(path => existsSync(path))
  const checks = await Promise.all(installed.map(path => copyCheck(path, env)))
  const own = [...user.extcap, ...reported.personal].map(folder => join(folder, 'remora'))
  const personal = installed.find(path => own.includes(path))
  const global = installed.find(path => !own.includes(path))
  const both = 'is installed for this user and for the system: Wireshark runs both, and warns'
  return [
    ...checks,
    ...(personal && global ? [bad('extcap folders', both, 'USAGE', 'remora uninstall --user')] : []),
    ...(installed.length === 0
      ? [bad('extcap folders', 'Wireshark does not know remora', 'TOOL_MISSING', `${quoted()} install`)]
      : []),
  ]
}

async function copyCheck(path: string, env: NodeJS.ProcessEnv): Promise<Check> {
  const { failed, said } = await runTool([path, '--version'], 10_000, { ...toolEnvironment, HOME: env.HOME })
  if (!failed && said === `remora ${version}`) return good(path, said)
  const detail = failed ? `does not run: ${said}` : `is ${said}, not ${version}`
  return bad(path, detail, 'TOOL_MISSING', `${quoted()} install`)
}

async function listingCheck(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const listed = await isListedByTshark(env)
  if (listed === undefined) return [good('tshark -D', 'tshark is not installed, so Wireshark could not be asked')]
  if (listed) return [good('tshark -D', 'lists remora')]
  return [bad('tshark -D', 'does not list remora', 'TOOL_MISSING', `${quoted()} install`)]
}

function orphanCheck(): Check {
  const orphans = [...findOrphans().map(pid => `process ${pid}`), ...findOrphanedFolders()]
  if (orphans.length === 0) return good('orphaned captures', 'none')
  const detail = `their remora was killed: ${orphans.join(', ')}`
  return bad('orphaned captures', detail, 'CAPTURE_FAILED', `${quoted()} --extcap-cleanup-postkill`)
}

function quoted(): string {
  return selfCommand().join(' ')
}
