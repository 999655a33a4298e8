/**
 * Test projects, by what a test needs.
 *
 * unit: nothing but node. engine: a real container engine. system: root, real namespaces, dumpcap and fifos.
 * end-to-end: the built executables, driven by tshark as Wireshark drives them. Only unit tests run in parallel here;
 * scripts/test.ts runs files that start container engines beside those that start none.
 */
import { defineConfig } from 'vitest/config'

function project(name: string, options: { parallel: boolean; timeout: number; retry?: number; setup?: string }) {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: options.timeout,
      hookTimeout: 120_000,
      fileParallelism: options.parallel,
      retry: options.retry ?? 0,
      setupFiles: ['test/helpers/after-file.ts', ...(options.setup ? [options.setup] : [])],
    },
  }
}

export default defineConfig({
  test: {
    projects: [
      project('unit', { parallel: true, timeout: 20_000, setup: 'test/helpers/properties.ts' }),
      project('engine', { parallel: false, timeout: 60_000 }),
      project('system', { parallel: false, timeout: 60_000 }),
      // Whole windows, browsers and engines on two busy cores. A test that passed at its second try is marked in the output.
      project('end-to-end', { parallel: false, timeout: 120_000, retry: 1 }),
    ],
  },
})
