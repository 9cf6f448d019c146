import type { Command } from '../command.js';

export const shadowUnaccept: Command = {
  name: 'shadow unaccept',
  summary: 'take back that a difference is accepted',
  args: [{ syntax: 'id', about: "the rule's id, which is the difference's, from shadow accepted" }],
  examples: ['federate shadow unaccept d3f9a1'],
  run: async ({ client, printer, signal }, { args }) => {
    const id = args[0]!;
    await (await client()).unaccept(id, signal);
    printer.done(`difference ${id} is no longer accepted`);
    return { data: { unaccepted: id } };
  },
};
