import type { Command } from '../command.js';

export const removeCluster: Command = {
  name: 'remove-cluster',
  summary: 'drain a cluster and remove it',
  args: [{ syntax: 'name', about: 'name of the cluster' }],
  options: [{ flags: '-y, --yes', about: 'do not ask' }],
  examples: ['federate remove-cluster green --yes'],
  run: async ({ client, confirm, printer, signal }, { args, options }) => {
    const name = args[0]!;
    const api = await client();
    const { clusters } = await api.status(signal);
    // An unknown name is said by the API; a known one is asked about first.
    if (clusters.some((cluster) => cluster.name === name)) {
      const left = clusters.length - 1;
      printer.note(
        `This takes cluster ${name} out of the traffic, lets it finish what it has and removes it; ${left} ${left === 1 ? 'cluster stays' : 'clusters stay'}.`,
      );
      await confirm.ask(`Remove cluster ${name}?`, options.yes === true);
    }
    const operation = await api.removeCluster(name, signal);
    await api.follow(operation, (doing) => printer.doing(doing), signal);
    printer.done(`cluster ${name} is removed`);
    return { data: { removed: name } };
  },
};
