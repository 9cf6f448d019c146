import { resolve } from 'node:path';
import { DharmaError, ExitCode } from '../../../common/index.js';
import type { FederationClient } from '../../client/client.js';
import type { Command, CommandContext, Outcome } from '../command.js';
import { CONFIG_OPTIONS, configChange } from '../config-options.js';
import { textOption } from '../options.js';
import { appFolder } from './add-cluster.js';

export const deploy: Command = {
  name: 'deploy',
  summary: 'bring files, static assets, a config or a node size to what runs',
  description:
    "With the app's folder, or --assets: makes a release, starts and tests its nodes beside the old ones in every cluster, and moves the traffic over. With --config or --size: changes running clusters in the same way, or the config that the new release's nodes get where both are given. What cannot be brought about is taken back; federate rollback goes back to the old nodes, which stay warm for the rollback window.",
  args: [{ syntax: '[dir]', about: "the app's folder" }],
  options: [
    { flags: '--assets <dir>', about: 'static files that take the place of those in the live release' },
    { flags: '--into <path>', about: "their folder in the app (default: the folder's own name)" },
    ...CONFIG_OPTIONS,
  ],
  examples: [
    'federate deploy ./shop',
    'federate deploy --assets ./shop/public',
    'federate deploy --config blue.json --cluster blue',
    'federate deploy --size large',
    'federate deploy ./shop --config blue.json --cluster blue',
  ],
  run: async (context, { args, options }) => {
    const app = args[0];
    const [assets, into] = ['assets', 'into'].map((key) => textOption(options, key));
    if (app !== undefined && assets !== undefined) throw deployed('both');
    const configs = await configChange(options);
    if (app === undefined && assets === undefined && configs === undefined) throw deployed('nothing');
    return bring(context, {
      ...(app === undefined ? {} : { app: await appFolder(app) }),
      ...(assets === undefined
        ? {}
        : { assets: { dir: resolve(assets), ...(into === undefined ? {} : { into }) } }),
      ...configs,
    });
  },
};

async function bring(
  { client, printer, signal }: CommandContext,
  what: Parameters<FederationClient['deploy']>[0],
): Promise<Outcome> {
  const api = await client();
  await api.follow(await api.deploy(what, signal), (doing) => printer.doing(doing), signal);
  const upgrade = await api.upgrade('current', signal);
  for (const { cluster, changes } of upgrade.configs ?? []) printer.done(`${cluster}: ${changes.join('; ')}`);
  const live = upgrade.next === upgrade.base ? '' : `release ${upgrade.next ?? '?'} is live; `;
  printer.done(`${live}federate rollback takes it back`);
  return { data: upgrade };
}

function deployed(found: 'both' | 'nothing'): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message:
      "deploy brings the app's folder or --assets, or --config and --size, or the latter with one of the former",
    found: found === 'both' ? 'a folder and --assets' : found,
    remedy: 'See: federate deploy --help',
    exitCode: ExitCode.usage,
  });
}
