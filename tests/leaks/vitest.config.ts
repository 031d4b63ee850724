/** A run of one test that says what LEAK names, for tests/secrets.test.ts. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    pool: 'forks',
    include: ['leak.fixture.ts'],
    globalSetup: ['../setup/kept-output.ts'],
    setupFiles: ['../setup/kept-in-worker.ts'],
  },
})
