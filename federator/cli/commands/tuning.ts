import type { FederationClient } from '../../client/client.js';
import type { TuningView } from '../../tuning/view.js';
import type { Command, CommandContext, Outcome } from '../command.js';
import { showTuning } from '../show-tuning.js';

export const tuningStatus: Command = {
  name: 'tuning status',
  summary: 'say which configs the clusters run, what is tried, what was taken, and why',
  description:
    'Configs are compared in blocks of time; before each it is drawn anew which clusters run which of two. What is better for certain is taken by all of them.',
  examples: ['federate tuning status', 'federate tuning status --json'],
  run: async ({ client, signal }) => told(await (await client()).tuning(signal)),
};

export const tuningOn: Command = {
  name: 'tuning on',
  summary: "let configs of clusters be tuned, within the bounds in federation.json's tuning",
  description:
    'Begins with the config of the first cluster, and with those of the others as the first that are tried. Clusters in a shadow, a deploy or another operation are left alone.',
  examples: ['federate tuning on'],
  run: (context) => order(context, { order: 'on' }, 'tuning is on'),
};

export const tuningOff: Command = {
  name: 'tuning off',
  summary: 'end tuning; clusters keep the best config found, or get back their own',
  options: [{ flags: '--restore', about: 'give each cluster back the config it had before' }],
  examples: ['federate tuning off', 'federate tuning off --restore'],
  run: (context, { options }) =>
    order(context, { order: 'off', restore: options.restore === true }, 'tuning is off'),
};

export const tuningUndo: Command = {
  name: 'tuning undo',
  summary: 'take back what was taken last; it is not tried again',
  examples: ['federate tuning undo'],
  run: (context) => order(context, { order: 'undo' }, 'taken back'),
};

export const tuningPin: Command = {
  name: 'tuning pin',
  summary: 'leave a cluster alone: it gets back the config it had, and keeps it',
  args: [{ syntax: 'cluster', about: 'name of the cluster' }],
  examples: ['federate tuning pin blue'],
  run: (context, { args }) => order(context, { order: 'pin', cluster: args[0]! }, `${args[0]} is pinned`),
};

export const tuningUnpin: Command = {
  name: 'tuning unpin',
  summary: 'let a pinned cluster be tuned again',
  args: [{ syntax: 'cluster', about: 'name of the cluster' }],
  examples: ['federate tuning unpin blue'],
  run: (context, { args }) =>
    order(context, { order: 'unpin', cluster: args[0]! }, `${args[0]} may be tuned`),
};

async function order(
  { client, printer, signal }: CommandContext,
  given: Parameters<FederationClient['orderTuning']>[0],
  done: string,
): Promise<Outcome> {
  const view = await (await client()).orderTuning(given, signal);
  printer.done(done);
  return { data: view };
}

function told(view: TuningView): Outcome {
  return { data: view, show: (printer) => showTuning(view, printer) };
}
