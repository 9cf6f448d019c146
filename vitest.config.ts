import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Real processes are started on shared, noisy machines: a deadline here only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores carry the tests and everything they start.
    maxWorkers: 2,
  },
});
