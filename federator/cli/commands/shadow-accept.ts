import type { Command } from '../command.js';
import { textOption } from '../options.js';

export const shadowAccept: Command = {
  name: 'shadow accept',
  summary: 'accept a difference as intended, in this upgrade and in those to come',
  description:
    'Keeps a rule: at this endpoint and place, a change of this kind and between values of these forms is intended. The difference stays in reports, marked with the reason. What changes there in another way is not accepted.',
  args: [{ syntax: 'id', about: "the difference's id, from the report" }],
  options: [{ flags: '--reason <text>', about: 'why it is intended', required: true }],
  examples: ["federate shadow accept d3f9a1 --reason 'prices are texts from now on'"],
  run: async ({ client, printer, signal }, { args, options }) => {
    const rule = await (
      await client()
    ).accept({ difference: args[0]!, reason: textOption(options, 'reason') ?? '' }, signal);
    printer.done(`accepted, in later upgrades too; taken back with: federate shadow unaccept ${rule.id}`);
    return { data: rule };
  },
};
