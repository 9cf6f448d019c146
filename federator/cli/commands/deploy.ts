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
    "With the app's folder, or --assets: makes a release, starts and tests its nodes beside the old ones in every cluster, and moves the traffic over; federate rollback takes it back. With --config or --size: changes running clusters without a failed request; what cannot be brought about is taken back, and federate rollback gives the old configs back.",
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
  ],
  run: async (context, { args, options }) => {
    const app = args[0];
    const [assets, file, size] = ['assets', 'config', 'size'].map((key) => textOption(options, key));
    const given = [app, assets, file ?? size].filter((what) => what !== undefined);
    if (given.length !== 1) throw oneThing(given);
    if (file !== undefined || size !== undefined) return configure(context, options);
    const into = textOption(options, 'into');
    return release(
      context,
      assets === undefined
        ? { app: await appFolder(app!) }
        : { assets: { dir: resolve(assets), ...(into === undefined ? {} : { into }) } },
    );
  },
};

async function release(
  { client, printer, signal }: CommandContext,
  source: Parameters<FederationClient['deploy']>[0],
): Promise<Outcome> {
  const api = await client();
  await api.follow(await api.deploy(source, signal), (doing) => printer.doing(doing), signal);
  const upgrade = await api.upgrade('current', signal);
  printer.done(`release ${upgrade.next ?? '?'} is live; federate rollback takes it back`);
  return { data: upgrade };
}

async function configure(
  { client, printer, signal }: CommandContext,
  options: Parameters<typeof configChange>[0],
): Promise<Outcome> {
  const change = await configChange(options);
  const api = await client();
  await api.follow(await api.deploy(change, signal), (doing) => printer.doing(doing), signal);
  const upgrade = await api.upgrade('current', signal);
  for (const { cluster, changes } of upgrade.configs ?? []) printer.done(`${cluster}: ${changes.join('; ')}`);
  printer.done('federate rollback takes it back');
  return { data: upgrade };
}

function oneThing(given: readonly string[]): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message: "deploy brings one thing: the app's folder, --assets, or --config and --size",
    found: given.length === 0 ? 'nothing' : given.join(', '),
    remedy: 'See: federate deploy --help',
    exitCode: ExitCode.usage,
  });
}
