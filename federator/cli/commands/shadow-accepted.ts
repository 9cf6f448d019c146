import type { AcceptedRule } from '../../../common/index.js';
import type { Command } from '../command.js';
import type { Printer } from '../printer.js';

export const shadowAccepted: Command = {
  name: 'shadow accepted',
  summary: 'list the differences that are accepted, with their reasons',
  description: 'Lists the rules. With --json they are in the form that shadow try --accept reads.',
  examples: ['federate shadow accepted', 'federate shadow accepted --json > accepted.json'],
  run: async ({ client, signal }) => {
    const rules = await (await client()).acceptedRules(signal);
    return { data: rules, show: (printer) => showRules(rules, printer) };
  },
};

function showRules(rules: readonly AcceptedRule[], printer: Printer): void {
  if (rules.length === 0) printer.line('Nothing is accepted.');
  for (const { id, endpoint, where, detail, changes, reason, upgrade } of rules) {
    printer.line(`${id}  ${endpoint}  ${where}${detail === undefined ? '' : ` (${detail})`}`);
    for (const { kind, old, new: fresh } of changes)
      printer.line(`            ${kind}: ${old ?? 'any'} → ${fresh ?? 'any'}`);
    printer.line(`            ${reason} (upgrade ${upgrade})`);
  }
}
