import type { Command } from '../command.js';

export const shadowStop: Command = {
  name: 'shadow stop',
  summary: 'end remote1 and the copying; the report stays',
  description:
    'Ends the shadow. Its report can still be read, and the update can still be promoted or rolled back.',
  examples: ['federate shadow stop'],
  run: async ({ client, printer, signal }) => {
    const api = await client();
    await api.follow(await api.stopShadow(signal), (doing) => printer.doing(doing), signal);
    printer.done('the shadow is stopped');
    return { data: await api.upgrade('current', signal) };
  },
};
