/**
 * How the tests run: in processes of their own, two at a time, against one real Redis, NATS and Postgres that
 * tests/setup/servers.ts starts before the first test and stops after the last. What all of them say is searched for
 * secrets at the end (tests/setup/kept-output.ts).
 */
import { defineConfig } from 'vitest/config'

const report = process.env.LIVEDROP_TEST_REPORT

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/setup/kept-output.ts', 'tests/setup/servers.ts'],
    setupFiles: ['tests/setup/kept-in-worker.ts'],
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
