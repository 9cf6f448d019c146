import type { Command } from '../command.js';
import { appFolder } from './add-cluster.js';

export const deploy: Command = {
  name: 'deploy',
  summary: "bring the app's files as they are now to all clusters",
  description:
    'Makes a release of the folder, starts and tests its nodes beside the old ones in every cluster, and moves the traffic over. federate rollback takes it back.',
  args: [{ syntax: 'dir', about: "the app's folder" }],
  examples: ['federate deploy ./shop'],
  run: async ({ client, printer, signal }, { args }) => {
    const dir = await appFolder(args[0]!);
    const api = await client();
    await api.follow(await api.deploy(dir, signal), (doing) => printer.doing(doing), signal);
    const upgrade = await api.upgrade('current', signal);
    printer.done(`release ${upgrade.next ?? '?'} is live; federate rollback takes it back`);
    return { data: upgrade };
  },
};
