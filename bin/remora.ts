#!/usr/bin/env node
/**
 * The entry: which face is asked for? Only that one is loaded, since Wireshark starts remora many times before it
 * captures once.
 */

async function main(argv: readonly string[]): Promise<void> {
  const { installLastResort, endSoon } = await import('../src/base/last-resort.ts')
  installLastResort()
  await run(argv)
  endSoon()
}

async function run(argv: readonly string[]): Promise<void> {
  const [first, ...rest] = argv
  if (hasLentRights()) return refuse()
  if (Number.parseInt(process.versions.node, 10) < 22) return refuseNode()
  // Wireshark gives nothing but options; a command's own may be called like those.
  const isOption = first?.startsWith('-') ?? false
  if (isOption && argv.some(argument => argument.startsWith('--extcap-') || argument === '--capture')) {
    await (await import('../extcap/main.ts')).main(argv)
  } else if (first === '__guard') {
    await (await import('../src/linux/capturing/guard.ts')).runGuard()
  } else if (first === 'serve') {
    await (await import('../src/serve/main.ts')).main(rest)
  } else {
    await (await import('../src/cli/main.ts')).main(argv)
  }
}

/** Whether the file lends its owner's rights (execve(2), set-user-ID): with them it would run what the caller's PATH names. */
function hasLentRights(): boolean {
  return process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.()
}

function refuse(): void {
  process.stderr.write(
    'remora: FORBIDDEN: it is not made to be set-user-ID\nhint: Use sudo, or remora install --service.\n',
  )
  process.exitCode = 4
}

/** The bundle meets whatever node is installed. */
function refuseNode(): void {
  process.stderr.write(
    `remora: TOOL_MISSING: it needs node 22 or later, and this is node ${process.versions.node}\nhint: Install a newer node, or the single executable, which needs none.\n`,
  )
  process.exitCode = 5
}

main(process.argv.slice(2))
