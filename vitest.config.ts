import { relative } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The long files, longest first: they begin first, so that both workers are busy to the end. A fresh clone knows no
 * durations yet, and would go by the files' sizes. Each has a process of its own.
 */
const LONG = [
  'test/main-job/main-job.test.ts',
  'test/main-job/kills.test.ts',
  'test/cli/tuning.test.ts',
  'test/cli/clusters.test.ts',
  'test/shadow/own-cases.test.ts',
  'test/shadow/attribute/attribute.test.ts',
  'test/cli/lifecycle.test.ts',
  'test/shadow/cases.test.ts',
  'test/shadow/attribute/live-attribution.test.ts',
  'test/cli/shadow-try.test.ts',
  'test/tasks/tasks.test.ts',
  'test/cluster-agent/agent/sizing.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.indexOf(relative(import.meta.dirname, moduleId));
      return at === -1 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    // Real processes are started on shared, noisy machines: a deadline here only ends what hangs.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    // Two cores carry the tests and everything they start.
    maxWorkers: 2,
    globalSetup: 'test/global-setup.ts',
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'long', include: LONG } },
      // One process for many files: loading the same modules anew for each would take more than their tests do.
      {
        extends: true,
        test: {
          name: 'short',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...LONG],
          isolate: false,
        },
      },
    ],
  },
});
