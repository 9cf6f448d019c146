import { ExitCode } from '../../../common/index.js';
import type { Command } from '../command.js';
import { showExplanations } from '../show-sizing.js';

export const explain: Command = {
  name: 'explain',
  summary: 'say why each cluster has so many nodes, and what would change it',
  description:
    "Tells the last decision on each cluster's size, as it was recorded: reasons, forecast, price, and what would change it. Exit code 3 when a cluster has nothing to tell.",
  args: [{ syntax: '[cluster]', about: 'one cluster only' }],
  examples: ['federate explain', 'federate explain blue --json'],
  run: async ({ client, signal }, { args }) => {
    const found = await (await client()).explanations('last', args[0], signal);
    return {
      data: found,
      show: (printer) => showExplanations(found, false, printer),
      exitCode: found.missing.length === 0 ? ExitCode.ok : ExitCode.degraded,
    };
  },
};
