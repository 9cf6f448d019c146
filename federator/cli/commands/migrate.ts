import { createLogger } from '../../../common/index.js';
import { readIfThere } from '../../home/files.js';
import type { Home } from '../../home/home.js';
import { lockHolder } from '../../home/lock.js';
import { readRuntime } from '../../home/runtime.js';
import { loadSettings } from '../../home/settings.js';
import { notRunning } from '../../home/token.js';
import type { Command } from '../command.js';

export const migrateCommand: Command = {
  name: 'migrate',
  summary: "bring the schema of the federation's database up to date",
  description:
    'Applies the migrations that are missing. federate up does so by itself; twice changes nothing.',
  examples: ['federate migrate'],
  run: async ({ home, printer, signal }) => {
    const uri = await mongoUri(home);
    const [{ migrate }, { Database }] = await Promise.all([
      import('../../../migrations/index.js'),
      import('../../state/database.js'),
    ]);
    const database = await Database.open(uri);
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

/** A server of its own runs with the federation only; one that was given by URI is there without it. */
async function mongoUri(home: Home): Promise<string> {
  if ((await lockHolder(home)) !== undefined) return (await readRuntime(home)).stores.mongo;
  const given =
    (await readIfThere(home.settingsFile)) === undefined
      ? undefined
      : (await loadSettings(home)).stores.mongo;
  if (given === undefined) throw notRunning(home);
  return given;
}
