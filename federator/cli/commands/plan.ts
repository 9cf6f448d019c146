import { ExitCode } from '../../../common/index.js';
import type { Command } from '../command.js';
import { showExplanations } from '../show-sizing.js';

export const plan: Command = {
  name: 'plan',
  summary: 'show what the next decision on size would be, touching nothing',
  description:
    "Asks each cluster's agent what it would decide now, on what its proxy has told since the last decision, and what that costs. Exit code 3 when a cluster has nothing to tell.",
  args: [{ syntax: '[cluster]', about: 'one cluster only' }],
  examples: ['federate plan', 'federate plan blue --json'],
  run: async ({ client, signal }, { args }) => {
    const found = await (await client()).explanations('next', args[0], signal);
    return {
      data: found,
      show: (printer) => showExplanations(found, true, printer),
      exitCode: found.missing.length === 0 ? ExitCode.ok : ExitCode.degraded,
    };
  },
};
