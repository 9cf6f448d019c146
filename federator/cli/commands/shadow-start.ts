import { DharmaError, ExitCode, readConfig } from '../../../common/index.js';
import { z } from 'zod';
import type { Command } from '../command.js';
import { CONFIG_OPTIONS, configChange } from '../config-options.js';
import { envOption, listOption } from '../env-options.js';
import { bytesOption, durationOption, redactOption, shareOption, textOption } from '../options.js';

/** `--files FILE`: path in the app → source path on this machine, null removes it. */
const filesSchema = z.record(
  z.string().min(1),
  z.string().startsWith('/', 'expected an absolute path').nullable(),
);

export const shadowStart: Command = {
  name: 'shadow start',
  summary: 'clone remote0 into remote1 with an update, and copy live requests to it',
  description:
    'Installs the update beside the live release, clones the stores, and from then on replays copies of live requests in both. Clients see nothing of it.',
  options: [
    { flags: '--update <spec...>', about: 'npm packages to update, such as express@5.1.0' },
    { flags: '--env <name=value...>', about: 'env of the app to change; NAME alone unsets it' },
    {
      flags: '--files <file>',
      about: 'JSON: path in the app → file to lay over it (absolute), or null to remove it',
    },
    ...CONFIG_OPTIONS,
    {
      flags: '--cron <name>',
      about:
        'rehearse no update but a cron (or task) of the app: its runs are laid over the copied requests, in half of the copies',
    },
    {
      flags: '--arms <arms>',
      about: '2x2: two copies of each release, to tell noise from change; 1x1: half the cost (default: 2x2)',
      choices: ['2x2', '1x1'],
    },
    {
      flags: '--disk <bytes>',
      about:
        'disk that copied requests may take while they wait, and as much again for the journal, such as 2GB (default: a quarter of what is free, each)',
    },
    {
      flags: '--sample <share>',
      about: "copy so many of live's sessions, such as 10%; each wholly or not at all (default: all)",
    },
    {
      flags: '--redact <rule...>',
      about:
        'what the report does not keep: names of header fields, JSON paths such as $.card.number or $..pin',
    },
    { flags: '--no-attribute', about: 'do not look for the packages behind what differs' },
    {
      flags: '--attribute-timeout <duration>',
      about: 'how long parts of the update may be tried at a time, to name those packages (default: 10m)',
    },
    { flags: '--unguarded', about: 'go on where this machine cannot keep the copies from the outside' },
  ],
  examples: [
    'federate shadow start --update express@5.1.0',
    'federate shadow start --update mongodb@7 --env FEATURE_X=1',
    'federate shadow start --update express@5.1.0 --sample 10% --disk 2GB',
    'federate shadow start --config blue.json --cluster blue',
    'federate shadow start --update express@5.1.0 --config blue.json --cluster blue',
    'federate shadow start --cron nightly-report --sample 50%',
  ],
  run: async ({ client, printer, signal }, { options }) => {
    const packages = listOption(options.update);
    const env = options.env === undefined ? undefined : envOption(options.env);
    const file = textOption(options, 'files');
    const files = file === undefined ? undefined : await readConfig(filesSchema, file);
    const configs = await configChange(options);
    const ofRelease = packages.length > 0 || env !== undefined || files !== undefined;
    const cron = textOption(options, 'cron');
    if ((ofRelease || configs !== undefined) === (cron !== undefined)) throw oneThing(cron);
    const spoolBytes = bytesOption(options, 'disk', '--disk');
    const sample = shareOption(options, 'sample', '--sample');
    const redact = redactOption(options.redact);
    const attributeMs = attributionTime(options);
    const api = await client();
    const operation = await api.startShadow(
      {
        change: {
          ...(packages.length === 0 ? {} : { packages }),
          ...(env === undefined ? {} : { env }),
          ...(files === undefined ? {} : { files }),
          ...configs,
        },
        ...(options.arms === '2x2' || options.arms === '1x1' ? { arms: options.arms } : {}),
        ...(redact.length === 0 ? {} : { redact }),
        ...(options.unguarded === true ? { unguarded: true } : {}),
        ...(spoolBytes === undefined ? {} : { spoolBytes }),
        ...(attributeMs === undefined ? {} : { attributeMs }),
        ...(sample === undefined ? {} : { sample }),
        ...(cron === undefined ? {} : { cron }),
      },
      signal,
    );
    await api.follow(operation, (doing) => printer.doing(doing), signal);
    const upgrade = await api.upgrade('current', signal);
    printer.done(`the shadow runs (upgrade ${upgrade.id}); read it with: federate shadow report`);
    return { data: upgrade };
  },
};

/** Time for the trials, ms; 0 for none; undefined where nothing is said. Error: USAGE. */
function attributionTime(options: Parameters<typeof durationOption>[0]): number | undefined {
  const time = durationOption(options, 'attributeTimeout', '--attribute-timeout');
  if (options.attribute !== false) return time;
  if (time === undefined) return 0;
  throw new DharmaError({
    code: 'USAGE',
    message: '--attribute-timeout says how long to do what --no-attribute leaves out',
    remedy: 'Give one of them.',
    exitCode: ExitCode.usage,
  });
}

function oneThing(cron: string | undefined): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message:
      cron === undefined
        ? 'an update changes something: packages, env or files of the app, or a config or size of clusters'
        : 'a cron is rehearsed on what runs: without an update',
    remedy: 'Name it, as in: federate shadow start --update express@5.1.0',
    exitCode: ExitCode.usage,
  });
}
