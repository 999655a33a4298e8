/**
 * Runs of programs for what they answer. A program that cannot be run, or does not end, is a result like any other: the doctor
 * tells of it. execa takes 50 ms to load, so it is loaded with the first run: no capture waits for one of these.
 */
import type { Options } from 'execa'
import { toolEnvironment } from '../linux/programs/run.ts'

/** What came of a run. */
export interface ToolResult {
  /** Whether it did not end with status 0. */
  readonly failed: boolean
  readonly stdout: string
  /** What it said, or why it could not be run. */
  readonly said: string
}

/**
 * Runs a program to its end.
 * @param env the whole of its environment
 */
export async function runTool(
  [program = '', ...args]: readonly string[],
  timeoutMs: number,
  env: NodeJS.ProcessEnv = toolEnvironment,
): Promise<ToolResult> {
  const { execa } = await import('execa')
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', cwd: '/', stdin: 'ignore' } as const satisfies Options
  const result = await execa(program, args, { ...limits, env, extendEnv: false, reject: false })
  const { failed, stdout, stderr, originalMessage = '', shortMessage = '' } = result
  return { failed, stdout, said: (stdout || stderr || originalMessage || shortMessage).trim() }
}
