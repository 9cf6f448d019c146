import { createLogger } from '../../../common/index.js';
import { migrate } from '../../../migrations/index.js';
import { readRuntime } from '../../home/runtime.js';
import { Database } from '../../state/database.js';
import type { Command } from '../command.js';

export const migrateCommand: Command = {
  name: 'migrate',
  summary: "bring the schema of the federation's database up to date",
  description:
    'Applies the migrations that are missing. federate up does so by itself; twice changes nothing.',
  examples: ['federate migrate'],
  run: async ({ home, printer, signal }) => {
    const { stores } = await readRuntime(home);
    const database = await Database.open(stores.mongo);
    try {
      printer.doing('looking at the schema');
      const outcome = await migrate(database.db, { log: createLogger('migrate', 'silent'), signal });
      const { applied, version } = outcome;
      printer.done(
        applied.length === 0
          ? `the schema is up to date (version ${version})`
          : `the schema is at version ${version}`,
      );
      return {
        data: outcome,
        show: (out) => {
          for (const { id, name } of applied) out.line(`applied ${id} ${name}`);
        },
      };
    } finally {
      await database.close();
    }
  },
};
