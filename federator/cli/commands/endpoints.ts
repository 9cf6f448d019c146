import type { Command } from '../command.js';
import { showEndpoints } from '../show-sizing.js';

export const endpoints: Command = {
  name: 'endpoints',
  summary: 'show the route map: how each endpoint does against its target',
  description:
    'Shows each endpoint within the last "reconfigure" interval: how often it is asked, what the deploy\'s test load measured (perfAvg), what its median may be, and what it is. Times are of successes; errors are apart.',
  args: [{ syntax: '[cluster]', about: 'one cluster only' }],
  options: [{ flags: '--nodes', about: 'each node apart' }],
  examples: ['federate endpoints', 'federate endpoints blue --nodes'],
  run: async ({ client, signal }, { args, options }) => {
    const found = await (await client()).endpoints(args[0], signal);
    return {
      data: found,
      show: (printer) => showEndpoints(found, options.nodes === true, printer),
    };
  },
};
