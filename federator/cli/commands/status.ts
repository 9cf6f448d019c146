import { ExitCode } from '../../../common/index.js';
import type { Command } from '../command.js';
import { showStatus } from '../show-status.js';

export const status: Command = {
  name: 'status',
  summary: 'show clusters, nodes, traffic and the upgrade under way',
  description: 'Shows the whole federation. Exit code 3 when something that should run does not.',
  examples: ['federate status', 'federate status --json'],
  run: async ({ client, signal }) => {
    const found = await (await client()).status(signal);
    return {
      data: found,
      show: (printer) => showStatus(found, printer),
      exitCode: found.health === 'ok' ? ExitCode.ok : ExitCode.degraded,
    };
  },
};
