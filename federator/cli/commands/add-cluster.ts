import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  clusterConfigSchema,
  DharmaError,
  ExitCode,
  nameSchema,
  parseConfig,
  readConfig,
  sizingBounds,
} from '../../../common/index.js';
import type { Command } from '../command.js';
import { textOption } from '../options.js';

/** Keys of the config that say how sizing decides, and change nothing where the number of nodes is fixed. */
const SIZING_KEYS = ['waitMultiplier', 'targetCeiling', 'shortShare'];

export const addCluster: Command = {
  name: 'add-cluster',
  summary: 'add a cluster with a config of its own',
  description:
    'Starts a cluster, runs its route tests, and sends it traffic when they pass. The first one needs --app; later ones run the live release.',
  args: [{ syntax: 'name', about: 'name of the cluster: a-z first, then a-z, 0-9 or "-"' }],
  options: [
    { flags: '--config <file>', about: "the cluster's config (JSON)", required: true },
    { flags: '--app <dir>', about: "the app's folder" },
  ],
  examples: [
    'federate add-cluster blue --config blue.json --app ./shop',
    'federate add-cluster green --config green.json',
  ],
  run: async ({ client, printer, signal }, { args, options }) => {
    const name = parseConfig(nameSchema, args[0], "the cluster's name");
    const file = resolve(textOption(options, 'config') ?? '');
    const checked = await readConfig(clusterConfigSchema, file); // Said here, with the file's name, before anything is asked of anybody.
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const app = textOption(options, 'app');
    const api = await client();
    const operation = await api.addCluster(
      { name, config, ...(app === undefined ? {} : { app: await appFolder(app) }) },
      signal,
    );
    printer.doing(`adding cluster ${name}`);
    await api.follow(operation, (doing) => printer.doing(doing), signal);
    printer.done(`cluster ${name} serves`);
    const idle = SIZING_KEYS.filter((key) => key in config);
    if (sizingBounds(checked) === undefined && idle.length > 0)
      printer.note(
        `note: nodes is fixed at ${checked.nodes}, so ${idle.join(', ')} only inform federate plan; minNodes or maxNodes has it sized`,
      );
    const cluster = (await api.status(signal)).clusters.find((each) => each.name === name);
    return { data: cluster ?? null };
  },
};

/** Error: APP_NOT_FOUND. */
export async function appFolder(given: string): Promise<string> {
  const dir = resolve(given);
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory() === true) return dir;
  throw new DharmaError({
    code: 'APP_NOT_FOUND',
    message: `there is no app folder ${dir}`,
    found: found === undefined ? 'nothing' : 'a file',
    remedy: 'Give the folder that holds the app and its package.json.',
    exitCode: ExitCode.usage,
  });
}
