/**
 * The image of the service, built from deploy/Containerfile without a registry: its base is made of this machine's own
 * tools and the libraries that ldd(1) says they need.
 */
import { copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { must } from './command.ts'
import { executable } from './remora.ts'
import { scratch } from './scratch.ts'

export const serviceImage = 'remora'

const tools = [
  ...['sh', 'cat', 'xargs', 'mkfifo', 'setpriv', 'nsenter', 'lsns', 'ip', 'ss', 'nft', 'dumpcap', 'tcpdump', 'curl'],
  ...['iptables-nft-save', 'ip6tables-nft-save'],
]

/** Builds the image. @param docker client of the engine that gets it */
export async function buildServiceImage(docker: (...args: string[]) => Promise<string>): Promise<void> {
  const root = scratch()
  const needed = await Promise.all(tools.map(async tool => copyTool(root, await pathOf(tool))))
  const libraries = needed.flat()
  for (const library of new Set([...libraries, ...(await librariesOf(executable))])) copyTo(root, library)
  mkdirSync(join(root, 'tmp'))
  mkdirSync(join(root, 'etc'))
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n')
  const archive = join(scratch(), 'base.tar')
  await must('tar', '-C', root, '-cf', archive, '.')
  await docker('import', '-c', 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin', archive, 'remora-base:1')
  const base = ['--build-arg', 'BASE=remora-base:1', '--build-arg', 'PACKAGES=']
  await docker('build', '-q', ...base, '-f', 'deploy/Containerfile', '-t', serviceImage, '.')
}

async function pathOf(tool: string): Promise<string> {
  const folders = ['/usr/bin', '/usr/sbin', '/bin', '/sbin']
  const path = folders.map(folder => join(folder, tool)).find(candidate => existsSync(candidate))
  if (path === undefined) throw new Error(`${tool} is missing on this machine: the image is made of it`)
  return path
}

/** Copies a program under its own name, whatever it links to; the libraries it needs. */
async function copyTool(root: string, path: string): Promise<string[]> {
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  if (!existsSync(join(root, 'bin'))) symlinkSync('usr/bin', join(root, 'bin'))
  copyFileSync(realpathSync(path), join(root, 'usr/bin', basename(path)))
  return librariesOf(path)
}

async function librariesOf(path: string): Promise<string[]> {
  return [...(await must('ldd', path)).matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library ?? '')
}

function copyTo(root: string, path: string): void {
  const to = join(root, path)
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(path, to)
}
