import type { Command } from '../command.js';

export const shadowAccept: Command = {
  name: 'shadow accept',
  summary: 'accept a difference as intended; it stays in the report, marked',
  args: [{ syntax: 'id', about: "the difference's id, from the report" }],
  examples: ['federate shadow accept d3f9a1'],
  run: async ({ client, printer, signal }, { args }) => {
    const id = args[0]!;
    await (await client()).accept(id, signal);
    printer.done(`difference ${id} is accepted`);
    return { data: { accepted: id } };
  },
};
