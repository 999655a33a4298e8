/** Where an engine lives in a test: a folder, a network namespace, and an image of busybox to import; gone without a trace. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must, run } from './command.ts'

export interface EnginePlace {
  readonly folder: string
  /** What stands before a command that runs in the namespace. */
  readonly enter: readonly string[]
  /** File system of an image, as a tar file. */
  readonly image: string
  /** Takes everything away; the engine has ended. */
  close(): Promise<void>
}

const applets = ['sh', 'ip', 'ping', 'nc', 'httpd', 'sed', 'sleep', 'wget', 'cat', 'ls', 'kill', 'true']

/** Makes a place; needs root and busybox-static. */
export async function makeEnginePlace(engine: string): Promise<EnginePlace> {
  const folder = mkdtempSync(join(tmpdir(), `remora-${engine}-`))
  const netns = `rt-${engine}-${folder.slice(-6)}`
  await must('ip', 'netns', 'add', netns)
  await must('ip', '-n', netns, 'link', 'set', 'lo', 'up')
  return {
    folder,
    enter: ['nsenter', `--net=/run/netns/${netns}`, '--'],
    image: await makeImage(folder),
    async close() {
      await run(['ip', 'netns', 'del', netns])
      const mounts = (await must('findmnt', '-rno', 'TARGET')).split('\n').filter(target => target.startsWith(folder))
      for (const path of mounts.reverse()) await run(['umount', path])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A folder with what is in the image; its path. */
export function makeImageFolder(folder: string): string {
  const root = join(folder, 'image')
  mkdirSync(join(root, 'bin'), { recursive: true })
  cpSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet))
  return root
}

async function makeImage(folder: string): Promise<string> {
  const root = makeImageFolder(folder)
  const archive = join(folder, 'image.tar')
  await must('tar', '-C', root, '-cf', archive, '.')
  return archive
}
